# SPDX-License-Identifier: MIT
"""A worker of another make, written from PROTOCOL.md alone, beside workers of ours.

Each task takes the same time on all of them, as nearly all of it is a wait, and there are
as many slots of one kind as of the other: so its fair share is a half where it is alone
against one, a third against two.
"""

import re
import signal
import sys
from pathlib import Path

import msgpack
import zmq
from tcp_proxy import TcpProxy

FOREIGN = Path(__file__).with_name("foreign_worker.py")
SECONDS = "0.02"
UPPER = ["perl", "-e", f"select undef, undef, undef, {SECONDS}; print uc while <STDIN>"]
TASKS = 400


def numbered_lines(count):
    return b"".join(b"the line of number %d\n" % number for number in range(count))


class Run:
    """A sink and a ventilator, then the foreign worker and, once it is welcome, two of ours."""

    def __init__(self, case, *, results=None, tasks=None, foreign=(), ventilator=()):
        self.case = case
        self.content = numbered_lines(10 * TASKS)
        at = case.endpoints()
        reached = ["--advertise", results.endpoint, "--insecure"] if results else []
        self.sink = case.start("fanfold-sink", *at, *reached)
        self.ventilator = case.start(
            "fanfold-ventilator", *at[:2], *ventilator, "--min-workers", 3, "-N", 10, stdin=self.content
        )
        where = tasks.endpoint if tasks else at[1]
        more = ["--at-least", SECONDS, *foreign, where]
        self.foreign = case.start(sys.executable, "-B", FOREIGN, *more, name="foreign")
        self.foreign.wait_for_stderr("^welcome$")
        if results:  # its connection is made by a thread, which may be later than our workers are
            case.wait_for(lambda: results.connections, "its connection to the sink")
        insecure = ["--insecure"] if results else []
        ours = ["fanfold-worker", *at[:2], *insecure, "-j1", "--", *UPPER]
        self.workers = [case.start(*ours) for _ in range(2)]

    def expect_right_bytes(self):
        for process in [self.ventilator, self.sink, *self.workers, self.foreign]:
            process.expect(0)
        assert self.sink.output() == self.content.upper()

    def counts(self):
        """What the foreign worker says that it did, and how often its link broke."""
        last = re.search(r"^did=(\d+) again=(\d+) breaks=(\d+)$", self.foreign.stderr(), re.M)
        return map(int, last.groups())


def lose_results(case, proxy):
    """Swallows what the foreign worker, the first to connect, sends next, and cuts its link."""
    first = proxy.connections[0]
    case.wait_for(lambda: first.forwarded > 4096, "results to pass")
    first.swallowing = True
    case.wait_for(lambda: first.swallowed > 0, "a result to be lost")
    proxy.cut(first)


class Counterpart:
    """Ventilator and sink of one worker, as sockets: what is said, and what is heard of it."""

    WELCOME, ISOLATE, RESULT, DONE, FAILED, STOP = 3, 21, 8, 9, 10, 17

    def __init__(self, case):
        context = zmq.Context.instance()
        self.router, self.pull = context.socket(zmq.ROUTER), context.socket(zmq.PULL)
        endpoints = [f"ipc://{case.path(name)}" for name in ("tasks", "results")]
        for sock, endpoint in zip((self.router, self.pull), endpoints):
            sock.rcvtimeo, sock.linger = 60000, 0
            sock.bind(endpoint)
        self.worker = case.start(sys.executable, "-B", FOREIGN, endpoints[0], name="foreign")
        hello, self.run = self.hear(1), bytes(range(16))
        self.session = hello[3]
        times = [60000, 60000]  # it is not to be heard between
        about = [2, bytes(16), *times, 1 << 20, 0, "", b"", self.session, self.session]
        self.say([self.WELCOME, *about, self.run, 1, [[endpoints[1], b""]], 0, b"", 0, []])

    def say(self, fields, *payload):
        self.router.send_multipart([self.peer, msgpack.packb(fields, use_bin_type=True), *payload])

    def hear(self, kind):
        while True:
            self.peer, frame = self.router.recv_multipart()
            fields = msgpack.unpackb(frame, raw=False)
            if fields[0] == kind:
                return fields

    def isolate(self, attempt, chunk, probe, excepted):
        task = [self.session, 5, attempt, 0, len(chunk), 2, 0, b"mark", 0, 0, 1, probe, excepted]
        self.say([self.ISOLATE, *task], chunk)

    def end(self):
        self.say([self.STOP, 0, b""])
        self.worker.expect(0)
        self.router.close()
        self.pull.close()


def test_an_isolate_that_it_can_do_is_a_task_and_any_other_has_failed(case):
    ends = Counterpart(case)
    for attempt, probe, excepted in [(1, True, []), (2, False, [0, 1])]:
        ends.isolate(attempt, b"one\ntwo\n", probe, excepted)
        _, session, seq, tried, _, _, how, *_ = ends.hear(ends.FAILED)
        assert (session, seq, tried, how) == (ends.session, 5, attempt, 4)
    ends.isolate(3, b"one\ntwo\n", False, [])
    assert ends.hear(ends.DONE)[2][0][:2] == [5, 3]
    header, result = ends.pull.recv_multipart()
    fields = msgpack.unpackb(header, raw=False)
    [entry] = fields.pop()
    assert fields[:-1] == [ends.RESULT, ends.run, 1], fields
    assert entry[:3] + entry[4:] == [5, 3, 8, b"mark", []], entry
    assert result == b"ONE\nTWO\n"
    ends.end()


def test_a_foreign_worker_does_its_share_beside_ours(case):
    run = Run(case)
    run.expect_right_bytes()
    did, again, _ = run.counts()
    assert did >= TASKS / 5, did
    assert again == 0, again


def test_its_link_to_the_sink_breaks_with_results_not_yet_forgotten(case):
    with TcpProxy(case.path("run-results")) as proxy:
        run = Run(case, results=proxy)
        case.wait_for(lambda: len(proxy.connections) == 3, "our workers to connect")
        lose_results(case, proxy)
        run.expect_right_bytes()
        did, again, breaks = run.counts()
        assert did >= TASKS / 5, did
        assert breaks >= 1 and again >= 1, (again, breaks)


def test_the_same_with_a_worker_that_does_not_watch_its_link(case):
    with TcpProxy(case.path("run-results")) as proxy:
        run = Run(case, results=proxy, foreign=["--blind"], ventilator=["--liveness", "1s"])
        lose_results(case, proxy)
        run.expect_right_bytes()
        did, again, _ = run.counts()
        assert did >= 1 and again >= 1, (did, again)


def test_its_link_to_the_ventilator_breaks(case):
    with TcpProxy(case.path("run-tasks")) as proxy:
        run = Run(case, tasks=proxy)
        run.foreign.wait_for_stderr("^began$")
        proxy.cut(proxy.connections[0])
        run.expect_right_bytes()
        did, _, _ = run.counts()
        assert did >= TASKS / 5, did
        assert len(run.foreign.stderr().split("welcome")) == 3, "it was not greeted again"


def test_it_leaves_in_the_middle(case):
    run = Run(case)
    run.foreign.wait_for_stderr("^began$")
    run.foreign.signal(signal.SIGTERM)
    run.foreign.expect(0)
    assert run.ventilator.running()
    run.expect_right_bytes()
    did, _, _ = run.counts()
    assert 1 <= did < TASKS, did
