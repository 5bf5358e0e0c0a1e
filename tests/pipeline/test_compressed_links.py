# SPDX-License-Identifier: MIT
"""Links between hosts that are compressed (--compress-links): the output is what it is without, and fewer bytes travel.

Roles by hand over tcp on loopback, with keys.
"""

import os
import re
import struct
import sys
from pathlib import Path

import msgpack
import pytest
import zmq
from harness import build_directory
from keyed import make_keys, start_sink, start_ventilator, start_worker

TEXT = b"".join(b"%d the line of this number, which is much like the next\n" % number for number in range(60000))
ECHO = build_directory() / "worker/examples/echo.so"
FRAMES = """
import sys
sys.path.insert(0, SDK)
import fanfold
fanfold.serve(lambda chunk, state: chunk)
"""
FOREIGN = Path(__file__).with_name("foreign_worker.py")
MIB = 1 << 20


class Run:
    """Ventilator, sink and workers over tcp, with keys."""

    def __init__(self, case, command, *options, stdin=TEXT, way="zstd", sink=(), workers=2):
        keys = case.path("keys")
        self.keys = ["--keys", keys if keys.exists() else make_keys(case)]
        compress = [f"--compress-links={way}"] if way else []
        self.case, self.command = case, command
        # Who comes when all is done waits for the next run.
        awaited = ["--min-workers", workers] if workers else []
        self.ventilator, self.tasks = start_ventilator(
            case, *self.keys, *compress, *awaited, "--log-level", "info", *options, stdin=stdin
        )
        self.sink = start_sink(case, self.tasks, *self.keys, *sink)
        self.workers = [self.start_worker() for _ in range(workers)]

    def start_worker(self):
        return start_worker(self.case, self.tasks, *self.keys, "--log-level", "info", *self.command)

    def expect(self, status=0, workers=0):
        self.ventilator.expect(status)
        self.sink.expect(status)
        for worker in self.workers:
            worker.expect(workers)

    def travelled(self, what):
        """(bytes of payloads that were compressed, bytes that were sent in their place)"""
        told = [self.ventilator, *self.workers]
        found = [re.findall(rf"compressed what={what} bytes=(\d+) sent=(\d+)", process.stderr()) for process in told]
        pairs = [tuple(map(int, pair)) for pairs in found for pair in pairs]
        return sum(before for before, _ in pairs), sum(after for _, after in pairs)


def commands(case):
    program = case.file("echo.py", FRAMES.replace("SDK", repr(str(build_directory() / "worker/sdk"))).encode())
    return {
        "exec": ["--", "cat"],
        "lines": ["--mode", "lines", "--", "stdbuf", "-oL", "cat"],
        "frames": ["--mode", "frames", "--", "/usr/bin/python3", "-B", program],
        "plugin": ["--plugin", ECHO],
    }


@pytest.mark.parametrize("way", ["zstd", "lz4"])
@pytest.mark.parametrize("mode", ["exec", "lines", "frames", "plugin"])
def test_output_is_right_in_every_mode_and_less_travels(case, mode, way):
    run = Run(case, commands(case)[mode], "--block", "200k", way=way)
    run.expect()
    assert run.sink.output() == TEXT
    for what in ("tasks", "results"):
        before, after = run.travelled(what)
        assert before >= len(TEXT) * 0.99, (what, before)
        assert after < before / 2, (what, before, after)


def test_without_the_option_nothing_is_compressed(case):
    run = Run(case, ["--", "cat"], way=None)
    run.expect()
    assert run.sink.output() == TEXT
    assert run.travelled("tasks") == run.travelled("results") == (0, 0)


def test_links_within_a_host_are_not_compressed(case):
    at = case.endpoints()
    ventilator = case.start("fanfold-ventilator", *at[:2], "--compress-links", "--log-level", "info", stdin=TEXT)
    sink = case.start("fanfold-sink", *at)
    worker = case.start("fanfold-worker", *at[:2], "-j1", "--log-level", "info", "--", "cat")
    for process in (ventilator, sink, worker):
        process.expect(0)
        assert " compressed what=" not in process.stderr()
    assert sink.output() == TEXT


def test_the_launcher_passes_the_option_on(case):
    run = case.run("fanfold", "--compress-links=lz4", "--dry-run", "--", "cat", stdin=b"a\n")
    run.expect(0)
    run = case.run("fanfold", "--compress-links", "--", "cat", stdin=TEXT)
    run.expect(0)
    assert run.output() == TEXT
    run = case.run("fanfold", "--compress-links=gzip", "--", "cat", stdin=TEXT)
    run.expect(2)
    assert "--compress-links: 'gzip': expected zstd or lz4" in run.stderr()


def test_batches_of_small_tasks_are_compressed_as_a_whole(case):
    text = TEXT[: 400 << 10]
    run = Run(case, ["--plugin", ECHO], "-N1", stdin=text)
    run.expect()
    assert run.sink.output() == text
    before, after = run.travelled("tasks")
    assert 0 < after < before / 2, (before, after)


def test_what_does_not_shrink_travels_as_it_is(case):
    noise = os.urandom(3 * MIB)
    run = Run(case, ["--", "cat"], "--fixed", "1M", stdin=noise)
    run.expect()
    assert run.sink.output() == noise
    assert run.travelled("tasks") == run.travelled("results") == (0, 0)


def test_a_chunk_of_more_than_64_mib_travels_as_it_is(case):
    text = b"0123456789abcde\n" * (65 << 16)
    run = Run(case, ["--", "wc", "-c"], "--format", "whole", stdin=text, workers=1)
    run.expect()
    assert run.sink.output().split() == [b"%d" % len(text)]
    assert run.travelled("tasks") == (0, 0)


@pytest.mark.parametrize("way", ["zstd", "lz4"])
def test_results_of_exactly_max_result_bytes_arrive_and_larger_ones_fail(case, way):
    """The limit is of the bytes before they are compressed."""
    run = Run(case, ["--", "head", "-c", MIB, "/dev/zero"], "-N1", stdin=b"a\nb\n", way=way, sink=["--max-result", MIB])
    run.expect()
    assert run.sink.output() == bytes(2 * MIB)
    assert run.travelled("results")[0] == 2 * MIB
    words = ["--", "head", "-c", MIB + 1, "/dev/zero"]
    run = Run(case, words, "-N1", stdin=b"a\nb\n", way=way, sink=["--max-result", MIB], workers=1)
    assert run.ventilator.wait() == 3
    assert "larger than" in run.ventilator.stderr() or "too large" in run.ventilator.stderr(), run.ventilator.stderr()
    run.sink.wait()


FAILS = 'while read -r line; do case $line in *"0007 the"*) exit 3;; *) echo "$line";; esac; done'


@pytest.mark.parametrize("way", ["zstd", "lz4"])
def test_bad_records_are_isolated_and_their_bytes_are_dead_letters(case, way):
    text = b"".join(b"%05d the line of this number\n" % number for number in range(30000))
    letters = case.path("letters")
    good = b"".join(line for line in text.splitlines(True) if not line[1:].startswith(b"0007 "))
    options = ["--on-error", "isolate", "--retries", "1", "--block", "64k"]
    sink = ["--dead-letters", letters]
    run = Run(case, ["--", "bash", "-c", FAILS], *options, stdin=text, way=way, sink=sink)
    run.expect(1)
    assert run.sink.output() == good
    assert sorted(file.read_bytes() for file in letters.glob("*.input")) == [
        b"%d0007 the line of this number\n" % tens for tens in range(3)
    ]
    before, after = run.travelled("results")
    assert 0 < after < before


def test_a_killed_sink_is_resumed(case):
    """The new sink, with the same journal, gets the results of workers that live on, and again those that were lost."""
    gate = case.gate()
    env = {"GATE": str(gate)}
    keys = ["--keys", make_keys(case)]
    ventilator, tasks = start_ventilator(case, *keys, "--compress-links", "--block", "50k", "--liveness", "2s", stdin=TEXT)
    out = case.path("out")
    words = ["--results", "tcp://127.0.0.1:*", "-o", out, *keys, "--liveness", "2s"]
    sink = case.start("fanfold-sink", "--tasks", tasks, *words)
    script = "[ $FANFOLD_SEQ -lt 20 ] || : <\"$GATE\"; cat"
    worker = start_worker(case, tasks, *keys, "--", "sh", "-c", script, env=env)
    case.wait_for(lambda: out.exists() and out.stat().st_size > 0, "the first results")
    sink.signal(9)
    sink.wait()
    gate.open()
    sink = case.start("fanfold-sink", "--tasks", tasks, "--resume", *words)
    for process in (ventilator, sink, worker):
        process.expect(0)
    assert out.read_bytes() == TEXT


def test_a_killed_run_is_resumed(case):
    gate = case.gate()
    out, text = case.path("out"), case.file("text", TEXT)
    keys = ["--keys", make_keys(case)]
    script = "[ $FANFOLD_SEQ -lt 20 ] || : <\"$GATE\"; cat"

    def start(*more):
        ventilator, tasks = start_ventilator(case, *keys, "--compress-links=lz4", "--block", "50k", "-i", text, *more)
        sink = start_sink(case, tasks, *keys, "-o", out, *more)
        return ventilator, sink, start_worker(case, tasks, *keys, "--", "sh", "-c", script, env={"GATE": str(gate)})

    roles = start()
    case.wait_for(lambda: out.exists() and out.stat().st_size > 0, "the first results")
    for role in roles:
        role.signal(9)
        role.wait()
    gate.open()
    for role in start("--resume"):
        role.expect(0)
    assert out.read_bytes() == TEXT


# ---- peers of another make ----


def test_a_worker_that_names_no_compression_is_sent_none_and_serves(case):
    ventilator, tasks = start_ventilator(case, "--insecure", "--compress-links", "--log-level", "info", stdin=TEXT)
    sink = start_sink(case, tasks, "--insecure")
    foreign = case.start(sys.executable, "-B", FOREIGN, "--work", "cat", tasks, name="foreign")
    for process in (ventilator, sink, foreign):
        process.expect(0)
    assert sink.output() == TEXT
    assert " compressed what=" not in ventilator.stderr()


class Peer:
    """A worker of the test's own, which names a compression and does with it what the test wants."""

    def __init__(self, tasks, capabilities):
        self.context = zmq.Context.instance()
        self.dealer = self.context.socket(zmq.DEALER)
        self.dealer.linger, self.dealer.rcvtimeo = 0, 60000
        self.dealer.connect(tasks)
        self.uuid = os.urandom(16)
        self.say(1, 2, self.uuid, 1, "peer", os.getpid(), 1, 2, 0, b"peer", bytes(16), 0, [], capabilities)
        self.welcome, _ = self.hear(3)
        self.push = self.context.socket(zmq.PUSH)
        self.push.linger = 0
        self.push.connect(self.welcome[13][0][0])

    def say(self, *fields):
        self.dealer.send(msgpack.packb(fields, use_bin_type=True))

    def hear(self, kind):
        """The next message of this type, with its payload; the peer lives."""
        while True:
            self.say(19, 1 if hasattr(self, "push") else 0, 2, False, [])
            frame, *payload = self.dealer.recv_multipart()
            fields = msgpack.unpackb(frame, raw=False, unicode_errors="surrogateescape")
            if fields[0] == kind:
                return fields, payload

    def give(self, entry, length, compression, payload):
        seq, attempt, *_, mark = entry
        result = [8, self.welcome[11], self.welcome[12], self.uuid, [[seq, attempt, length, 9, mark, []]], compression]
        self.push.send_multipart([msgpack.packb(result, use_bin_type=True), payload])

    def close(self):
        self.dealer.close(0)
        self.push.close(0)


def start_for_peer(case, *options):
    ventilator, tasks = start_ventilator(case, "--insecure", "--compress-links", "-N", 100, *options, stdin=TEXT[:MIB])
    return ventilator, start_sink(case, tasks, "--insecure"), tasks


def test_a_damaged_result_is_refused_and_its_task_goes_to_another(case):
    ventilator, sink, tasks = start_for_peer(case)
    peer = Peer(tasks, ["compress-zstd"])
    assert peer.welcome[17] == ["compress-zstd", "loans"]
    task, (payload,) = peer.hear(7)
    entry, length = task[2][0], task[2][0][3]
    assert task[3] == 1 and len(payload) < length, task
    broken = bytearray(payload)
    broken[len(broken) // 2] ^= 1
    peer.give(entry, length, 1, bytes(broken))
    sink.wait_for_stderr("refused a result: the result of task 0 came to the sink damaged")
    worker = start_worker(case, tasks, "--insecure", "--", "cat")
    peer.close()
    for process in (ventilator, sink, worker):
        process.expect(0)
    assert sink.output() == TEXT[:MIB]


def test_a_result_that_claims_to_become_huge_is_garbage_and_takes_no_memory(case):
    ventilator, sink, tasks = start_for_peer(case, "--liveness", "1s")
    peer = Peer(tasks, ["compress-zstd"])
    task, (payload,) = peer.hear(7)
    before = case.resident_bytes(pids=[sink.popen.pid])
    peer.give(task[2][0], 1 << 40, 1, payload)  # beyond the bound
    peer.give(task[2][0], 64 * MIB, 1, payload)  # within: its head says another length
    sink.wait_for_stderr("refused a result")
    assert case.resident_bytes(pids=[sink.popen.pid]) < before + 16 * MIB
    worker = start_worker(case, tasks, "--insecure", "--", "cat")
    peer.close()
    for process in (ventilator, sink, worker):
        process.expect(0)
    assert sink.output() == TEXT[:MIB]


class Ventilator:
    """A ventilator of the test's own, for one worker."""

    def __init__(self):
        self.router = zmq.Context.instance().socket(zmq.ROUTER)
        self.router.linger, self.router.rcvtimeo = 0, 60000
        self.pull = zmq.Context.instance().socket(zmq.PULL)
        self.pull.linger = 0
        self.tasks = f"tcp://127.0.0.1:{self.router.bind_to_random_port('tcp://127.0.0.1')}"
        self.results = f"tcp://127.0.0.1:{self.pull.bind_to_random_port('tcp://127.0.0.1')}"

    def say(self, *fields, payload=()):
        self.router.send_multipart([self.peer, msgpack.packb(fields, use_bin_type=True), *payload])

    def hear(self, kind):
        while True:
            self.peer, frame, *_ = self.router.recv_multipart()
            fields = msgpack.unpackb(frame, raw=False, unicode_errors="surrogateescape")
            if fields[0] == 19:
                self.say(20)
            if fields[0] == kind:
                return fields

    def welcome(self):
        """The HELLO that it answered."""
        hello = self.hear(1)
        ends = [self.results, b""]
        run = [hello[3], hello[3], b"r" * 16, 1, [ends], 0, b"", 0, []]
        self.say(3, 2, b"v" * 16, 250, 10000, 1 << 20, 0, "", b"", *run)
        return hello

    def close(self):
        self.router.close(0)
        self.pull.close(0)


@pytest.mark.parametrize("kind", ["task", "isolate"])
def test_a_damaged_chunk_fails_and_the_worker_serves_on(case, kind):
    ventilator = Ventilator()
    worker = case.start("fanfold-worker", "--insecure", "--tasks", ventilator.tasks, "-j1", "--", "cat")
    hello = ventilator.welcome()
    assert {"compress-zstd", "compress-lz4"} <= set(hello[13])
    bad = struct.pack("<I", 0xFD2FB528) + bytes(100)
    if kind == "task":
        entries = [[0, 1, 0, 600, 1, 0, b"m"], [1, 2, 0, 700, 1, 0, b"m"]]
        ventilator.say(7, hello[3], entries, 1, payload=[bad])
    else:
        ventilator.say(21, hello[3], 0, 1, 0, 600, 5, 0, b"m", 0, 0, 1, False, [], 1, payload=[bad])
        ventilator.say(21, hello[3], 1, 2, 0, 700, 5, 0, b"m", 0, 0, 1, False, [], 2, payload=[bad])
    for seq, attempt in ((0, 1), (1, 2)):
        failed = ventilator.hear(10)
        assert failed[2:4] == [seq, attempt] and failed[6] == 4, failed
        assert b"came to the worker damaged" in failed[8]
    ventilator.say(7, hello[3], [[2, 3, 0, 2, 1, 0, b"m"]], payload=[b"ok"])
    assert ventilator.hear(9)[2][0][:2] == [2, 3]
    ventilator.say(17, 0, b"")
    ventilator.hear(18)
    worker.expect(0)
    ventilator.close()


def test_a_worker_within_the_host_names_no_compression(case):
    at = case.endpoints()
    context = zmq.Context.instance()
    router = context.socket(zmq.ROUTER)
    router.linger, router.rcvtimeo = 0, 60000
    router.bind(at[1])
    worker = case.start("fanfold-worker", *at[:2], "-j1", "--", "cat")
    hello = msgpack.unpackb(router.recv_multipart()[1], raw=False)
    assert hello[0] == 1 and hello[13] == ["isolate", "extents"], hello
    worker.signal(9)
    worker.wait()
    router.close(0)
