# SPDX-License-Identifier: MIT
"""Peers that speak the protocol well and mean ill, or are confused, in the middle of a run.

Whoever may connect is trusted not to lie, so a run may end early; then it says so with
status 5. It must not crash, not hang, and not end well with wrong bytes.
"""

import os
import struct
import subprocess
import zlib

import msgpack
import pytest
import zmq
from fed_run import (
    BEGIN,
    DONE,
    END,
    FAILED,
    FINISHED,
    FORGET,
    GOODBYE,
    HELLO_SINK,
    HELLO_WORKER,
    ISOLATE,
    NONE,
    PING,
    PONG,
    PROGRESS,
    REJECT,
    RESULT,
    RETURNED,
    STOP,
    TASK,
    WELCOME,
    WHO,
    FedRun,
    lines_of,
)
from harness import SLOWNESS
from zmtp import Peer, packed

LINK_OPEN = 1
TAKEN = 2
LAST = 2**64 - 1
LINES = FedRun.LINES


def sealed(seq):
    """A mark of the task, as good as a ventilator's."""
    body = b"x" + struct.pack(">Q", seq)
    return body + struct.pack(">I", zlib.crc32(body))


class Run(FedRun):
    """A ventilator that is fed by the test, a sink and two workers, half of the way."""

    def __init__(self, case):
        at = case.endpoints()
        self.tasks, self.results = at[1], at[3]
        sink = case.start("fanfold-sink", *at)
        ventilator = case.start("fanfold-ventilator", *at[:2], "--liveness", "2s", "-N", 10, stdin=subprocess.PIPE)
        workers = [case.start("fanfold-worker", *at[:2], "-j1", "--", "tr", "a-z", "A-Z") for _ in range(2)]
        super().__init__(case, ventilator, sink, workers)

    # -- strangers --

    def stranger(self):
        return Peer(self.tasks, "DEALER")

    def settled(self, peer):
        """Everything that the peer has said so far is dealt with: an answer to a PING says so."""
        peer.say(PING, 0, 0, False, [])
        while peer.read_message()[0][0] not in (WHO, PONG):
            pass

    def sink_like(self, *, finished=False):
        """A stranger that says it is the sink, and a WELCOME, which tells it all it needs to lie."""
        worker, welcome = self.worker_like()
        worker.close()
        peer = self.stranger()
        peer.say(HELLO_SINK, 2, os.urandom(16), 1, [[self.results, b""]], "host", 1, 1 << 30, finished, [])
        return peer, welcome

    def worker_like(self, *, uuid=None, nonce=1, slots=1, run=NONE, epoch=0, ledger=()):
        """A stranger that is taken for a worker, and its WELCOME."""
        peer = self.stranger()
        about = ["host", 1, slots, LINK_OPEN, 7, b"stranger"]
        peer.say(HELLO_WORKER, 2, uuid or os.urandom(16), nonce, *about, run, epoch, ledger, [])
        return peer, peer.read_until(WELCOME)[0]


# ---- at the place of the sink ----


def test_a_second_sink_is_refused_while_the_first_lives(case):
    run = Run(case)
    peer, _ = run.sink_like()
    assert peer.read_until(REJECT)[0][1] == TAKEN
    run.expect_right_end()


def test_a_second_sink_that_had_finished_does_not_end_the_run(case):
    run = Run(case)
    peer, _ = run.sink_like(finished=True)
    run.settled(peer)
    run.expect_right_end()


def test_what_a_second_sink_says_is_ignored(case):
    run = Run(case)
    peer, welcome = run.sink_like()
    uid, run_id, epoch = welcome[2], welcome[11], welcome[12]
    peer.say(BEGIN, os.urandom(16), os.urandom(16), 1, 0, b"", b"", [])
    peer.say(BEGIN, uid, os.urandom(16), LAST, LAST, b"x", b"y", [0, LAST])
    peer.say(BEGIN, uid, run_id, epoch, 0, b"", b"", [0, LAST] * 1000)
    peer.say(PROGRESS, epoch, [0, LAST], 1, 1, 0, 0, 0)
    peer.say(PROGRESS, epoch, [0, LAST] * 65536, LAST, LAST, LAST, LAST, LAST)
    peer.say(FINISHED, epoch, 0, 0, b"", 0, 12)
    run.settled(peer)
    run.expect_right_end()


def test_begin_of_epoch_0_is_malformed(case):
    tasks = f"ipc://{case.directory}/tasks"
    ventilator = case.start("fanfold-ventilator", "--tasks", tasks, stdin=lines_of(0, LINES))
    case.wait_for(lambda: case.path("tasks").exists(), "the ventilator to bind")
    peer = Peer(tasks, "DEALER")
    for attempt in range(3):
        peer.say(HELLO_SINK, 2, os.urandom(16), 1, [["ipc:///nowhere", b""]], "host", 1, 1 << 30, False, [])
        fields, _ = peer.read_until(WELCOME)
        peer.say(BEGIN, fields[2], os.urandom(16), 0, 0, b"", b"", [])
        if attempt == 0:
            peer.read_until(REJECT)
    assert ventilator.running()
    peer.close()
    ventilator.signal(15)
    ventilator.expect(143)


# ---- at the place of a worker ----


def test_what_a_stranger_says_of_the_tasks_of_others_is_ignored(case):
    run = Run(case)
    peer, welcome = run.worker_like(slots=1)
    session = welcome[9]
    tries = [n for seq in range(1000) for n in (seq, 1)]
    for number in (session, 0, session + 1, LAST):
        peer.say(DONE, number, [[seq, 1, 0, LAST, LAST, 0, False] for seq in range(1000)])
        peer.say(RETURNED, number, [n for seq in range(1000, 2000) for n in (seq, 1)])
        peer.say(PING, number, LINK_OPEN, False, tries)
        for seq in range(100, 200):
            peer.say(FAILED, number, seq + 1000, 1, 0, LAST, 0, 1, b"no")
        peer.say(PROGRESS, 1, [0, LAST], LAST, LAST, 0, 0, LAST)
        peer.say(FORGET, number, False, tries)
        peer.say(BEGIN, os.urandom(16), NONE, 1, 0, b"", b"", [])
        peer.say(FINISHED, 1, 0, 0, b"", 0, 0)
        peer.say(END, 1, 0, 0, 0, b"")
        peer.say(STOP, 0, b"")
    run.settled(peer)
    peer.close()
    run.expect_right_end()


def test_a_ledger_of_65536_entries_is_looked_through(case):
    run = Run(case)
    peer, welcome = run.worker_like(slots=65535)
    peer.close()
    known = dict(run=welcome[11], epoch=welcome[12])
    ledgers = [
        [n for seq in range(65536) for n in (seq, 1, 2)],
        [n for seq in range(65536) for n in (seq, 2**32 - 1, 1)],
        [n for seq in range(65536) for n in (LAST - seq, 0, 0)],
        [0, 1, 2] * 65536,
        [n for seq in range(65536) for n in (seq % 300, seq % 5, seq % 3)],
    ]
    uuid = os.urandom(16)
    peers = [run.worker_like(uuid=uuid, nonce=n + 1, ledger=ledgers[n], **known)[0] for n in range(len(ledgers))]
    for peer in peers:
        run.settled(peer)
        peer.close()
    run.expect_right_end()


def test_a_stolen_uuid_and_the_last_nonce_hurt_nobody_else(case):
    run = Run(case)
    uuid = os.urandom(16)
    robbed, _ = run.worker_like(uuid=uuid, nonce=5, slots=4)
    thief, _ = run.worker_like(uuid=uuid, nonce=LAST, slots=65535)
    run.settled(robbed)
    about = ["host", 1, 1, LINK_OPEN, 7, b""]
    robbed.say(HELLO_WORKER, 2, uuid, 6, *about, NONE, 0, [], [])
    thief.say(HELLO_WORKER, 2, uuid, LAST, *about, NONE, 0, [], [])
    thief.say(GOODBYE, 0)
    run.settled(robbed)
    run.settled(thief)
    run.expect_right_end()


def test_a_worker_that_takes_tasks_and_is_never_heard_again_costs_only_time(case):
    run = Run(case)
    peers = [run.worker_like(slots=65535)[0] for _ in range(3)]
    run.feed()
    for peer in peers[:1]:
        peer.read_until(TASK)
    run.expect_right_end()


def test_a_peer_that_says_hello_and_reads_nothing_does_not_fill_the_memory(case):
    """Each HELLO asks for a WELCOME, which has the input's header."""
    at = case.endpoints()
    header, lines = b"h" * 60000 + b"\n", lines_of(0, LINES)
    sink = case.start("fanfold-sink", *at)
    ventilator = case.start("fanfold-ventilator", *at[:2], "--header", 1, "-N", 10, stdin=header + lines)
    case.wait_for(case.path("run-tasks").exists, "the ventilator")
    deaf, about = Peer(at[1], "DEALER"), ["deaf", 1, 1, LINK_OPEN, 7, b"stranger", NONE, 0, [], []]
    uuid = os.urandom(16)
    for nonce in [*range(1, 5000), *[5000] * 4]:
        deaf.say(HELLO_WORKER, 2, uuid, nonce, *about)
    ventilator.wait_for_stderr('the worker on "deaf" .* repeats a HELLO with the same nonce')
    assert case.resident_bytes([ventilator.pid]) < SLOWNESS * (100 << 20)  # a sanitizer keeps what is freed
    assert ventilator.stderr().count("warn send_failed") == 1
    deaf.close()
    case.start("fanfold-worker", *at[:2], "-j1", "--", "sed", "1d").expect(0)
    ventilator.expect(0)
    sink.expect(0)
    assert sink.output() == lines


def test_one_connection_that_is_everybody_is_nobody_for_long(case):
    run = Run(case)
    peer, _ = run.sink_like()
    about = ["host", 1, 3, LINK_OPEN, 7, b""]
    for nonce in range(1, 20):
        peer.say(HELLO_WORKER, 2, os.urandom(16), nonce, *about, NONE, 0, [], [])
        peer.say(HELLO_SINK, 2, os.urandom(16), 1, [[run.results, b""]], "host", 1, 0, False, [])
        peer.say(DONE, nonce, [[0, 1, 0, 0, 0, 0, False]])
        peer.say(GOODBYE, nonce)
    run.settled(peer)
    peer.close()
    run.expect_right_end()


def test_a_hello_of_another_version_is_rejected_and_nothing_more(case):
    run = Run(case)
    for kind in (HELLO_WORKER, HELLO_SINK):
        peer = run.stranger()
        peer.say(kind, 1, "anything", {"at": "all"})
        fields = peer.read_message()[0]
        assert fields[:2] == [REJECT, 1] and b"FANFOLD/1" in fields[2] and b"FANFOLD/2" in fields[2]
    run.expect_right_end()
    assert "program_differs" not in run.ventilator.stderr(), run.ventilator.stderr()


def test_what_no_ventilator_is_sent_is_rejected_and_logged_once(case):
    run = Run(case)
    peer = run.stranger()
    for _ in range(100):
        peer.say(STOP, 0, b"")
        peer.say(WHO)
        peer.send(packed(ISOLATE, 1, 0, 1, 0, 5, 1, 0, b"", 0, 0, 1, False, []), b"wrong")
        peer.send(packed(RESULT, NONE, 1, NONE, [[0, 1, 5, 1, b"", []]]), b"wrong")
    peer.say(PING, 0, 0, False, [])
    kinds = [peer.read_message()[0][0] for _ in range(2)]
    assert kinds == [REJECT, WHO], kinds
    run.expect_right_end()
    assert run.ventilator.stderr().count("malformed peer=") == 1, run.ventilator.stderr()


# ---- at the sink ----


def test_results_of_another_run_or_epoch_are_dropped(case):
    run = Run(case)
    worker, welcome = run.worker_like()
    worker.close()
    peer = Peer(run.results, "PUSH")
    entry = [0, 1, 5, 1, b"", []]
    for seq in [*range(1000), LAST - 1, LAST]:
        entry[0] = seq
        for about in [(os.urandom(16), welcome[12]), (welcome[11], welcome[12] + 1), (welcome[11], 0), (NONE, 0)]:
            peer.send(packed(RESULT, *about, NONE, [entry]), b"wrong")
    run.expect_right_end()


def test_forged_results_far_beyond_the_end_do_not_get_into_the_output(case):
    run = Run(case)
    worker, welcome = run.worker_like()
    worker.close()
    peer = Peer(run.results, "PUSH")
    for seq in [1 << 20, 1 << 32, 1 << 63, LAST - 2, LAST - 1, LAST]:
        peer.send(packed(RESULT, welcome[11], welcome[12], NONE, [[seq, 1, 5, 1, sealed(seq), []]]), b"wrong")
    run.expect_right_end()


WORDS = b"\x1b]0;owned\x07\x1b[2J\r\nfanfold-sink: all is well"


@pytest.mark.parametrize("program", ["fanfold-sink", "fanfold-worker"])
def test_a_refusal_cannot_drive_the_terminal_nor_speak_in_our_name(case, program):
    tasks, results = f"ipc://{case.path('tasks')}", f"ipc://{case.path('results')}"
    router = zmq.Context.instance().socket(zmq.ROUTER)
    router.rcvtimeo, router.linger = 60000, 1000
    router.bind(tasks)
    more = ["--results", results, "-o", case.path("out")] if program == "fanfold-sink" else ["--", "cat"]
    run = case.start(program, "--tasks", tasks, *more)
    peer = router.recv_multipart()[0]
    router.send_multipart([peer, msgpack.packb([REJECT, 2, WORDS], use_bin_type=True)])
    run.expect(5)
    router.close()
    assert "\\x1b]0;owned\\x07\\x1b[2J\\x0d\\x0afanfold-sink: all is well" in run.stderr(), run.stderr()
    assert run.stderr().count("\n") == 1 and "\x1b" not in run.stderr(), run.stderr()
