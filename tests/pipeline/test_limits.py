# SPDX-License-Identifier: MIT
"""A real worker whose ventilator and sink the test plays: time limits, and the search for bad records.

The user's program makes text upper case and cannot stand some words: as a shell script
(a process a chunk), and as a plugin.
"""

import os
import signal

import msgpack
import zmq
from harness import SLOWNESS, build_directory

HELLO_WORKER, WELCOME, TASK, RESULT, DONE, FAILED = 1, 3, 7, 8, 9, 10
RETURNED, FORGET, STOP, PING, PONG, ISOLATE = 11, 12, 17, 19, 20, 21
BY_EXIT, BY_SIGNAL, BY_TIMEOUT, BY_PROTOCOL, BY_SIZE, BY_REPORT, LOST = 0, 1, 2, 4, 5, 6, 8
LIMIT_MS = int(1500 * SLOWNESS)
GRACE_US = 1000000
DEADLINE_S = 90 * SLOWNESS

SCRIPT = """
    cat > "$HERE/chunk.$FANFOLD_SLOT" && exec < "$HERE/chunk.$FANFOLD_SLOT"
    grep -q EXIT "$HERE/chunk.$FANFOLD_SLOT" && { echo cannot stand EXIT >&2; exit 1; }
    grep -q ABORT "$HERE/chunk.$FANFOLD_SLOT" && kill -ABRT $$
    grep -q HANG "$HERE/chunk.$FANFOLD_SLOT" && { trap '' TERM; sleep 1000 & sleep 1000; }
    exec tr a-z A-Z
"""


class LoneWorker:
    """The worker, and what it hears and says."""

    def __init__(self, case, *command, slots=1, max_result=1 << 30, records="", env=None):
        self.case = case
        self.context = zmq.Context()
        tasks, self.results = f"ipc://{case.path('tasks')}", f"ipc://{case.path('results')}"
        self.router, self.pull = self.context.socket(zmq.ROUTER), self.context.socket(zmq.PULL)
        self.router.bind(tasks)
        self.pull.bind(self.results)
        self.max_result, self.records = max_result, records
        words = ["--tasks", tasks, "-j", slots, "--liveness", "60s", *command]
        self.process = case.start("fanfold-worker", *words, env={"HERE": str(case.directory), **(env or {})})
        self.peer, self.session = None, 0
        self.run, self.link = os.urandom(16), 0
        self.said, self.got = [], []
        self.until(lambda: self.link == 1, "the link to the sink")

    def close(self):
        self.say(STOP, 0, b"")
        self.process.expect(0)
        self.context.destroy(linger=0)
        self.case.assert_no_leftovers()

    def say(self, *fields, payload=None):
        frames = [self.peer, msgpack.packb(fields, use_bin_type=True)]
        self.router.send_multipart(frames + ([payload] if payload is not None else []))

    def welcome(self, nonce):
        self.session = nonce
        limits = [1000, 60000, self.max_result, 1 << 20]
        about = [self.records, b"", nonce, nonce, self.run, 1, [[self.results, b""]], 0, b"", 0, []]
        self.say(WELCOME, 2, b"v" * 16, *limits, *about)

    def hear(self, fields):
        if fields[0] == HELLO_WORKER:
            self.welcome(fields[3])
        elif fields[0] == PING:
            self.link = fields[2] if fields[1] == self.session else 0
            self.say(PONG)
        else:
            self.said.append(fields)

    def until(self, condition, what):
        """Listens until the condition is true."""
        poller = zmq.Poller()
        poller.register(self.router, zmq.POLLIN)
        poller.register(self.pull, zmq.POLLIN)

        def heard():
            if condition():
                return True
            for socket, _ in poller.poll(100):
                if socket is self.pull:
                    header, payload = socket.recv_multipart()
                    self.got.append((msgpack.unpackb(header, raw=False), payload))
                else:
                    self.peer, header = socket.recv_multipart()
                    self.hear(msgpack.unpackb(header, raw=False))
            return condition()

        self.case.wait_for(heard, what, DEADLINE_S / SLOWNESS)

    def task(self, seq, chunk, limit_ms=0, attempt=1):
        entry = [seq, attempt, 0, len(chunk), chunk.count(b"\n"), limit_ms, b"mark"]
        self.say(TASK, self.session, [entry], payload=chunk)

    def isolate(self, seq, chunk, records, limit_ms=0, tries=1, attempt=1, **more):
        place = [more.get("offset", 0), more.get("record", 0)]
        rest = [tries, more.get("probe", False), more.get("excepted", [])]
        self.say(
            *[ISOLATE, self.session, seq, attempt, 0, len(chunk), records, limit_ms, b"mark"],
            *[*place, *rest],
            payload=chunk,
        )

    def failure(self, seq):
        """(run_us, how, code, text)"""
        found = lambda: [m[5:9] for m in self.said if m[0] == FAILED and m[2] == seq]
        self.until(found, f"{seq} to fail")
        return found()[0]

    def done(self, seq):
        """run_us"""
        entries = lambda: [entry[3] for m in self.said if m[0] == DONE for entry in m[2] if entry[0] == seq]
        self.until(entries, f"{seq} to be done")
        return entries()[0]

    def result(self, seq):
        """(run_us, the bad records, the result, the bad records' bytes); its run_us is DONE's."""
        run_us = self.done(seq)
        self.until(lambda: self.result_of(seq), f"the result of {seq}")
        entry, bytes_ = self.result_of(seq)
        assert entry[3] == run_us and entry[4] == b"mark"
        bad = entry[5]
        pieces, at = [], entry[2]
        for record in bad:
            pieces.append(bytes_[at : at + record[2]])
            at += record[2]
        return run_us, bad, bytes_[: entry[2]], pieces

    def result_of(self, seq):
        for fields, payload in self.got:
            assert fields[0] == RESULT and fields[1] == self.run and fields[2] == 1
            at = 0
            for entry in fields[4]:
                size = entry[2] + sum(record[2] for record in entry[5])
                if entry[0] == seq:
                    return entry, payload[at : at + size]
                at += size
            assert at == len(payload)
        return None

    def named(self, *words):
        """What runs of this case under one of these names."""
        return [pid for pid in self.case.leftovers() if comm(pid) in words]


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


def worker_of_program(case, **more):
    return LoneWorker(case, "--", "sh", "-c", SCRIPT, **more)


def worker_of_plugin(case, **more):
    return LoneWorker(case, "--plugin", build_directory() / "tests/pipeline/deaf_plugin.so", **more)


def check_timeout(worker, family):
    worker.task(0, b"HANG\n", limit_ms=500)
    run_us, how, code, text = worker.failure(0)
    assert (how, code) == (BY_TIMEOUT, 0), (how, code, text)
    assert text == b"ran longer than 0.5 s", text
    assert run_us >= 500000 + GRACE_US, "they are deaf to SIGTERM"
    worker.case.wait_for(lambda: not worker.named(*family), "the family to be gone")
    worker.task(1, b"fine\n", limit_ms=60000)
    assert worker.result(1)[2] == b"FINE\n"
    worker.close()


def test_a_program_that_runs_for_too_long_is_ended_with_all_its_children_however_deaf(case):
    check_timeout(worker_of_program(case), ["sleep"])


def test_a_plugin_that_runs_for_too_long_is_ended_with_all_its_children_however_deaf(case):
    check_timeout(worker_of_plugin(case), ["deaf-child"])


LINES = [b"the line of number %d\n" % number for number in range(1000)]
LINES[99] = b"EXIT\n"
LINES[100] = b"this makes it ABORT\n"
LINES[998] = b"HANG\n"
LINES[999] = b"and the last has no end"


def check_isolation(worker, how_of_exit, text_of_exit):
    chunk = b"".join(LINES)
    worker.isolate(7, chunk, len(LINES), limit_ms=LIMIT_MS, tries=2, offset=5000, record=300)
    run_us, bad, result, pieces = worker.result(7)
    good = [line for number, line in enumerate(LINES) if number not in (99, 100, 998)]
    assert result == b"".join(good).upper()
    assert pieces == [LINES[99], LINES[100], LINES[998]], pieces
    assert [record[:3] for record in bad] == [
        [300 + number, 5000 + len(b"".join(LINES[:number])), len(LINES[number])] for number in (99, 100, 998)
    ], bad
    assert [record[3:5] for record in bad] == [[how_of_exit, 1], [BY_SIGNAL, signal.SIGABRT], [BY_TIMEOUT, 0]], bad
    assert bad[0][5] == text_of_exit, bad
    assert bad[2][5] == b"ran longer than %g s" % (LIMIT_MS / 1000), bad
    assert run_us >= 2 * (LIMIT_MS * 1000 + GRACE_US), "the time of all runs"
    assert not worker.named("sleep", "deaf-child")
    worker.close()


def test_isolation_finds_the_records_that_a_program_cannot_stand(case):
    check_isolation(worker_of_program(case), BY_EXIT, b"cannot stand EXIT\n")


def test_isolation_finds_the_records_that_a_plugin_cannot_stand(case):
    check_isolation(worker_of_plugin(case), BY_REPORT, b"cannot stand EXIT")


def test_isolation_runs_beside_other_tasks_of_the_same_slots(case):
    worker = worker_of_plugin(case, slots=2)
    chunks = [b"".join(LINES[at : at + 10]) for at in range(0, 980, 10)]
    for seq, chunk in enumerate(chunks):
        if b"EXIT" in chunk or b"ABORT" in chunk or seq % 5 == 0:
            worker.isolate(seq, chunk, 10)
        else:
            worker.task(seq, chunk)
    for seq, chunk in enumerate(chunks):
        _, bad, result, pieces = worker.result(seq)
        lines = chunk.splitlines(keepends=True)
        assert pieces == [line for line in lines if b"EXIT" in line or b"ABORT" in line], (seq, bad)
        assert result == b"".join(line for line in lines if line not in pieces).upper(), seq
    worker.close()


def test_excepted_records_are_not_run_and_are_lost(case):
    worker = worker_of_program(case)
    worker.isolate(0, b"one\nHANG\nABORT\nfour\n", 4, excepted=[1, 2])
    _, bad, result, pieces = worker.result(0)
    assert result == b"ONE\nFOUR\n" and pieces == [b"HANG\n", b"ABORT\n"]
    assert bad == [[1, 4, 5, LOST, 0, b""], [2, 9, 6, LOST, 0, b""]], bad
    worker.close()


def test_a_probe_is_done_and_no_result_of_it_is_ever_sent(case):
    worker = worker_of_program(case)
    worker.isolate(0, b"one\nEXIT\nHANG\n", 3, probe=True, excepted=[2, 1])
    worker.done(0)
    worker.pull.unbind(worker.results)  # what is on the ledger is sent again
    worker.until(lambda: worker.link == 0, "the link to be shut")
    worker.pull.bind(worker.results)
    worker.until(lambda: worker.link == 1, "the link to be open")
    worker.task(1, b"one\n")
    assert worker.result(1)[2] == b"ONE\n"
    assert not worker.result_of(0)
    worker.say(FORGET, worker.session, False, [0, 1, 1, 1])
    worker.close()


def test_a_chunk_that_is_not_what_was_announced_fails(case):
    worker = worker_of_program(case)
    worker.isolate(0, b"one\ntwo\n", 3)
    _, how, _, text = worker.failure(0)
    assert how == BY_PROTOCOL and b"2 records where 3" in text, text
    worker.close()


def test_records_are_what_the_ventilator_says_they_are(case):
    worker = worker_of_program(case, records="lines=2 end=0a")
    worker.isolate(0, b"1\n2\n3\nEXIT\n5\n6\n", 3, record=10)
    _, bad, result, pieces = worker.result(0)
    assert result == b"1\n2\n5\n6\n" and pieces == [b"3\nEXIT\n"]
    assert bad[0][:3] == [11, 4, 7]
    worker.close()


def test_a_result_that_is_too_large_with_its_bad_records_fails(case):
    worker = worker_of_program(case, max_result=12)
    worker.isolate(0, b"fine\nEXIT\nx\n", 3)
    assert worker.result(0)[3] == [b"EXIT\n"]
    worker.isolate(1, b"fine\nEXIT\nxx\n", 3)
    _, how, _, text = worker.failure(1)
    assert how == BY_SIZE and b"12 bytes" in text, text
    worker.close()


def test_a_task_that_is_forgotten_in_the_middle_of_its_parts_is_ended(case):
    worker = worker_of_program(case)
    worker.isolate(0, b"EXIT\nHANG\n", 2)
    worker.until(lambda: worker.named("sleep"), "the second part to hang")
    worker.say(FORGET, worker.session, False, [0, 1])
    case.wait_for(lambda: not worker.named("sleep"), "it to be gone")
    worker.task(1, b"fine\n")
    assert worker.result(1)[2] == b"FINE\n"
    assert not [m for m in worker.said if m[0] in (FAILED, DONE) and m[2] == 0]
    worker.close()


def test_all_records_of_a_large_chunk_but_one_may_be_bad(case):
    worker = worker_of_plugin(case)
    worker.isolate(0, b"fine\n" + b"EXIT\n" * 2048, 2049)
    _, bad, result, pieces = worker.result(0)
    assert result == b"FINE\n" and pieces == [b"EXIT\n"] * 2048
    assert [record[0] for record in bad] == list(range(1, 2049))
    worker.isolate(1, b"fine\n" + b"EXIT\n" * 2049, 2050)
    _, how, _, text = worker.failure(1)
    assert how == BY_PROTOCOL and b"the first is record 2" in text, text
    worker.close()
