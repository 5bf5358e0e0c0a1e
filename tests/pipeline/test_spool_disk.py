# SPDX-License-Identifier: MIT
"""Spools on a disk that is full, and killed at each call that writes them: each record once, when that is over."""

import signal
from pathlib import Path

import pytest
import zmq
from dealer import Producer, Receiver
from process_tree import below
from resuming import kill_everything
from test_commit_order import require_strace
from test_disk import Disk
from test_spool_in import SpoolRun, drained

TEXT = b"%s %06d" + b"." * 1000


@pytest.mark.parametrize("killed", [False, True])
def test_a_full_disk_under_a_spool_holds_producers_back_and_loses_nothing(case, killed):
    """It says so; with room again the run goes on by itself, and one that was killed meanwhile resumes."""
    disk = Disk(case, "8m")
    run = SpoolRun(case)
    run.spool = disk.path / "spool"
    run.words[run.words.index("--spool") + 1] = run.spool
    with zmq.Context() as context:
        run.start()
        producer = Producer(context, run.endpoint, b"ann", 3000, TEXT)
        case.wait_for(lambda: producer.pump(0.05) or producer.have > 10, "the first messages")
        disk.fill(leave=64 << 10)
        case.wait_for(lambda: producer.pump(0.05) or " room" in run.run.stderr(), "a word of the disk")
        assert run.run.running(), run.run.stderr()
        have = producer.have
        assert have < producer.total
        if killed:
            kill_everything(case)
        disk.empty()
        if killed:
            run.start("--resume")
        run.expect_rest(producer)


@pytest.mark.parametrize("killed", [False, True])
def test_a_full_disk_under_an_outgoing_spool_ends_the_run_which_resumes(case, killed):
    """With status 4 and the system's word; what was committed is sent once, and the rest after it."""
    disk = Disk(case, "8m")
    endpoint, books = f"ipc://{case.directory}/out", {}
    source = case.file("in", b"".join(TEXT % (b"line", number) + b"\n" for number in range(4000)))
    words = ["fanfold", "-i", source, "-o", f"dealer:{endpoint}", "--spool-out", disk.path / "spool", "-j2", "-N50"]
    disk.fill(leave=1 << 20)
    run = case.start(*words, "--", "cat")
    if killed:
        run.wait_for_stderr("No space left on device")
        kill_everything(case)
        run.wait()
    else:
        run.expect(4)
    assert "No space left on device" in run.stderr(), run.stderr()
    disk.empty()
    with zmq.Context() as context:
        receiver = Receiver(context, endpoint, books)
        again = case.start(*words, "--resume", "--", "cat")
        case.wait_for(lambda: receiver.pump(0.1) or not again.running(), "the end")
        receiver.close()
    again.expect(0)
    assert list(books.values()) == [[[line] for line in source.read_bytes().splitlines()]]


# Which calls write a spool, its position or its journal: the process is killed as it begins one, when it has made so many.
RECEIVER_CALLS = {"write": (3, 20), "pwrite64": (1, 5), "fdatasync": (1, 2, 5), "fsync": (1, 2), "unlinkat": (1, 2), "openat": (1, 2), "renameat2": (1,)}
SENDER_CALLS = {"write": (2, 9), "pwrite64": (1, 4), "fdatasync": (1, 5), "fallocate": (1, 2), "renameat2": (1,)}
COMMIT_CALLS = {"fdatasync": (1, 2, 3, 8), "pwrite64": (1, 2), "sendmsg": (1, 4), "renameat2": (1, 2)}


def kill_at(case, pid, call, number):
    """strace, once it has the process; a call that this process never makes kills nobody."""
    words = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
    tracer = case.start("strace", "-o", "/dev/null", *words, "-p", str(pid))
    tracer.wait_for_stderr("attached")
    return tracer


def survives(tracer, pid):
    """Whether the process has made fewer such calls; nobody kills it any more."""
    tracer.signal(signal.SIGTERM)
    tracer.wait()
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.deadline(300)
@pytest.mark.parametrize("call", list(RECEIVER_CALLS))
def test_a_receiver_killed_at_a_call_loses_and_doubles_nothing(case, call):
    require_strace(case)
    run = SpoolRun(case, "--spool-size", "200K")
    with zmq.Context() as context:
        producer = Producer(context, run.endpoint, b"ann", 100, TEXT)
        for number in RECEIVER_CALLS[call]:
            run.start(*(["--resume"] if run.out.with_name("out.fanfold").exists() else []))
            pid = case.wait_for(lambda: below(run.run.pid, "fanfold-ventila", "fanfold-receive"), "its process")
            case.wait_for(lambda: producer.pump(0.05) or producer.have > producer.total - 90, "it to receive")
            tracer = kill_at(case, pid, call, number)
            producer.total += 300
            case.wait_for(lambda: producer.pump(0.05) or producer.done() or not run.run.running(), "the kill")
            if run.run.running() and survives(tracer, pid):  # so many it does not make
                break
            run.run.expect(4)
            assert "the process that receives was killed by signal 9" in run.run.stderr()
            producer.total += 100
        else:
            run.start("--resume")
        run.expect_rest(producer)


@pytest.mark.deadline(300)
@pytest.mark.parametrize(
    "name, call", [*(("fanfold-send", call) for call in SENDER_CALLS), *(("fanfold-commit", call) for call in COMMIT_CALLS)]
)
def test_a_sender_killed_at_a_call_loses_and_doubles_nothing(case, name, call):
    require_strace(case)
    endpoint, books = f"ipc://{case.directory}/out", {}
    source = case.file("in", b"".join(TEXT % (b"line", number) + b"\n" for number in range(6000)))
    spool = case.path("spool")
    words = ["fanfold", "-i", source, "-o", f"dealer:{endpoint}", "--spool-out", spool, "--spool-out-size", "300K", "-j2", "-N20"]

    def start():
        more = ["--resume"] if (spool / "results.fanfold").exists() else []
        return case.start(*words, *more, "--", "cat")

    with zmq.Context() as context:
        receiver = Receiver(context, endpoint, books)
        for number in (SENDER_CALLS if name == "fanfold-send" else COMMIT_CALLS)[call]:
            run = start()
            pid = case.wait_for(lambda: below(run.pid, "fanfold-sink", name), "its process")
            kill_at(case, pid, call, number)
            case.wait_for(lambda: receiver.pump(0.05) or not run.running(), "the kill, or the end")
            if run.wait() == 0:  # so many it does not make
                break
            run.expect(4)
        else:
            run = start()
            case.wait_for(lambda: receiver.pump(0.05) or not run.running(), "the end")
            run.expect(0)
        receiver.close()
    assert list(books.values()) == [[[line] for line in source.read_bytes().splitlines()]]
