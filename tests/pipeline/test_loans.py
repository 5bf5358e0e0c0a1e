# SPDX-License-Identifier: MIT
"""Long results are lent: the sink opens them where they are. Whatever it cannot borrow comes by value, and the output is the
same."""

import contextlib
import fcntl
import os
import re
import signal

import msgpack
import pytest
import zmq
from harness import build_directory, program_path
from process_tree import can_unshare

TEXT = b"".join(b"%d a line of this number, and of no other\n" % number for number in range(120000))
ECHO = build_directory() / "worker/examples/echo.so"
FRAMES = """
import sys
sys.path.insert(0, SDK)
import fanfold
fanfold.serve(lambda chunk, state: chunk)
"""


def commands(case):
    program = case.file("echo.py", FRAMES.replace("SDK", repr(str(build_directory() / "worker/sdk"))).encode())
    return {
        "exec": ["--", "cat"],
        "lines": ["--mode", "lines", "--", "stdbuf", "-oL", "cat"],
        "frames": ["--mode", "frames", "--", "/usr/bin/python3", "-B", program],
        "plugin": ["--plugin", ECHO],
    }


def loans(sink):
    """(results that the sink borrowed, results that it could not)"""
    found = re.search(r" loans borrowed=(\d+) unborrowed=(\d+)", sink.stderr())
    return tuple(map(int, found.groups())) if found else (0, 0)


def lent_bytes(pid):
    """In memory that the process has open to lend it."""
    size = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            path = f"/proc/{pid}/fd/{fd}"
            size += os.stat(path).st_blocks * 512 if "fanfold-result" in os.readlink(path) else 0
    return size


class Run:
    """Ventilator, sink and a worker over ipc."""

    def __init__(self, case, command, *options, sink=(), before_sink=(), worker=(), before_worker=(), stdin=TEXT):
        at = case.endpoints()
        self.ventilator = case.start("fanfold-ventilator", *at[:2], *options, stdin=stdin)
        self.sink = case.start(*before_sink, program_path("fanfold-sink"), *at, "--log-level", "info", *sink)
        self.worker = case.start(*before_worker, program_path("fanfold-worker"), *at[:2], "-j2", *worker, *command)

    def expect(self):
        for process in (self.ventilator, self.sink, self.worker):
            process.expect(0)


@pytest.mark.parametrize("mode", ["exec", "lines", "frames", "plugin"])
def test_long_results_are_borrowed_in_every_mode(case, mode):
    run = Run(case, commands(case)[mode], "--block", "200k")
    run.expect()
    assert run.sink.output() == TEXT
    borrowed, unborrowed = loans(run.sink)
    assert borrowed >= len(TEXT) // (200 << 10) and unborrowed == 0


def test_by_value_nothing_is_lent(case):
    run = Run(case, ["--", "cat"], "--block", "200k", "--by-value")
    run.expect()
    assert run.sink.output() == TEXT
    assert loans(run.sink) == (0, 0)


def test_short_results_are_not(case):
    run = Run(case, ["--", "cat"], "--block", "100k")
    run.expect()
    assert run.sink.output() == TEXT
    assert loans(run.sink) == (0, 0)


def test_borrowed_results_are_parked_and_spilled_like_others(case):
    command = ["--", "sh", "-c", '[ "$FANFOLD_SEQ" -gt 0 ] || sleep 1; exec cat']
    run = Run(case, command, "--block", "150k", "--buffer", "1M", sink=["-o", case.path("out")])
    run.expect()
    assert case.path("out").read_bytes() == TEXT
    assert loans(run.sink)[0] > 5


def test_a_result_that_is_lent_outlives_its_worker(case):
    """The first chunk waits for the end of the worker that lent the others."""
    at = case.endpoints()
    gate, done = case.path("gate"), case.path("done")
    done.mkdir()
    script = f"""
if [ "$FANFOLD_SEQ" -gt 0 ]; then cat; touch {done}/"$FANFOLD_SEQ"; exit; fi
until [ -e {gate} ]; do sleep 0.02; done
exec cat"""
    ventilator = case.start("fanfold-ventilator", *at[:2], "--block", "500k", "--liveness", "2s", stdin=TEXT)
    sink = case.start("fanfold-sink", *at, "--log-level", "info")
    workers = [case.start("fanfold-worker", *at[:2], "-j1", "--", "sh", "-c", script) for _ in range(2)]
    others = len(TEXT) // 512000
    case.wait_for(lambda: len(list(done.iterdir())) >= others, f"{others} chunks")
    for worker in workers:
        worker.signal(signal.SIGKILL)
    gate.touch()
    last = case.start("fanfold-worker", *at[:2], "-j2", "--", "cat")
    for process in (ventilator, sink, last):
        process.expect(0)
    assert sink.output() == TEXT


@pytest.mark.parametrize("mode", ["exec", "plugin"])
def test_what_the_sink_cannot_open_comes_by_value(case, mode):
    """The sink sees no processes but its own."""
    if not can_unshare("-p", "-f", "--mount-proc"):
        case.skip("unshare -p is not permitted")
    run = Run(case, commands(case)[mode], "--block", "200k", "--retries", "1", before_sink=["unshare", "-p", "-f", "--mount-proc"])
    run.expect()
    assert run.sink.output() == TEXT
    borrowed, unborrowed = loans(run.sink)
    assert borrowed == 0 and unborrowed >= 1
    assert "refuses" not in run.ventilator.stderr()


def test_loans_leave_the_slots_the_descriptors_that_they_need(case):
    """The limit is little more than what two slots need, and the first chunk keeps the results of all others waiting."""
    command = ["--", "sh", "-c", '[ "$FANFOLD_SEQ" -gt 0 ] || sleep 1; exec cat']
    run = Run(case, command, "--block", "132k", before_worker=["prlimit", "--nofile=40"])
    run.expect()
    assert run.sink.output() == TEXT
    assert "cannot_start" not in run.worker.stderr()


def test_a_worker_that_waits_for_the_next_run_keeps_little_memory(case):
    """The first chunk keeps the results of all others waiting; then they come back all at once."""
    script = '[ "$FANFOLD_SEQ" -gt 0 ] || sleep 1; head -c 8000000 /dev/zero'
    run = Run(case, ["--stay", "--", "sh", "-c", script], "-N1", stdin=b"\n" * 12)
    run.ventilator.expect(0)
    run.sink.expect(0)
    assert run.sink.output() == bytes(12 * 8000000) and loans(run.sink)[0] >= 11
    case.wait_for(lambda: lent_bytes(run.worker.pid) <= 2 * 32 << 20, "the end of the loans")
    run.worker.signal(signal.SIGTERM)
    run.worker.expect(0)


def lend_holes(results, length):
    """A RESULT of no run, whose bytes are memory that has no pages yet."""
    fd = os.memfd_create("holes", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 4096 + length)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    push = zmq.Context.instance().socket(zmq.PUSH)
    push.connect(results)
    entry = [0, 1, length, 0, b"", []]
    name = msgpack.packb([fd, os.fstat(fd).st_ino, 0])
    push.send_multipart([msgpack.packb([8, bytes(16), 1, bytes(16), [entry], 3]), name])
    return fd


@pytest.mark.parametrize("length", [1 << 20, (1 << 20) + 1])
def test_what_is_longer_than_a_result_may_be_is_not_borrowed(case, length):
    """The pages of memory that has none would come when it is mapped."""
    at = case.endpoints()
    sink = case.start("fanfold-sink", *at, "--max-result", "1M", "--log-level", "info")
    sink.wait_for_stderr("bound")
    fd = lend_holes(at[3], length)
    held = os.stat(f"/proc/self/fd/{fd}")
    if length <= 1 << 20:
        case.wait_for(lambda: os.fstat(fd).st_blocks > held.st_blocks, "its pages")
    ventilator = case.start("fanfold-ventilator", *at[:2], stdin=TEXT)
    worker = case.start("fanfold-worker", *at[:2], "-j1", "--", "cat")
    for process in (ventilator, sink, worker):
        process.expect(0)
    os.close(fd)
    assert sink.output() == TEXT
    assert loans(sink)[1] == (length > 1 << 20)
