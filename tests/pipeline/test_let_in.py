# SPDX-License-Identifier: MIT
"""Strangers at the tcp ports of a run that has keys: none of them gets in, and the run ends right.

A stranger has no key, or one that is unknown, revoked, of another run or of another role.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess

import pytest
import zmq
from curve import Certificate, KeyedPeer, stranger
from fed_run import BEGIN, HELLO_SINK, HELLO_WORKER, NONE, PING, REJECT, FedRun
from keyed import make_keys, start_sink, start_ventilator, start_worker
from zmtp import GREETING

LINES = FedRun.LINES
HANDSHAKES = 1000
LATE = 20


class Run(FedRun):
    """Ventilator, sink and two workers over tcp with keys, half of the way."""

    def __init__(self, case, *worker_words, parked=(), before=(), sink_keys=lambda keys: keys):
        self.keys = make_keys(case)
        self.parked = case.path("parked")
        self.parked.mkdir()
        for name in parked:
            case.run("fanfold-keygen", self.keys, "--worker", name).expect(0)
            os.rename(self.keys / f"worker-{name}.key", self.parked / f"worker-{name}.key")
        for name in ("spare", "gone"):
            case.run("fanfold-keygen", self.keys, "--worker", name).expect(0)
        self.revoked = Certificate(self.keys / "worker-gone.key_secret")
        case.run("fanfold-keygen", self.keys, "--revoke", "worker-gone").expect(0)
        words = ["--keys", self.keys, "--liveness", "3s", "-N", 10]
        ventilator, self.tasks = start_ventilator(case, *words, stdin=subprocess.PIPE, before=before)
        told = case.path(f"endpoints-{len(case.processes) - 1}")
        sink = start_sink(case, self.tasks, "--keys", sink_keys(self.keys))
        command = worker_words or ("--", "tr", "a-z", "A-Z")
        workers = [start_worker(case, self.tasks, "--keys", self.keys, *command) for _ in range(2)]
        super().__init__(case, ventilator, sink, workers)
        self.results = json.loads(told.read_text())["results"][0]

    def key(self, name):
        return Certificate(self.keys / f"{name}.key_secret")

    def public(self, name):
        return Certificate(self.keys / f"{name}.key").public

    def logged(self, process, at, why, key=None):
        pattern = rf'refused at={at} address="?127\.0\.0\.1"?:?\d* key=\S*{re.escape(key.decode()) if key else ""}\S* why="{why}"'
        process.wait_for_stderr(pattern)


def hello_worker(peer):
    peer.say(HELLO_WORKER, 2, os.urandom(16), 1, "host", 1, 1, 1, 7, b"stranger", NONE, 0, [], [])


def hello_sink(peer, results):
    peer.say(HELLO_SINK, 2, os.urandom(16), 1, [[results, b""]], "host", 1, 1 << 30, False, [])


# ---- who does not come through the handshake ----


@pytest.fixture(name="run")
def run_of(case):
    return Run(case)


def kept_out(run, kind, endpoint, own, server):
    peer = KeyedPeer(kind, endpoint, own, server)
    with contextlib.closing(peer):
        if kind == zmq.DEALER:
            with contextlib.suppress(zmq.Again):  # it may be kept out already
                hello_worker(peer)
        how = peer.outcome()
        assert not peer.heard_anything()
    return how


@pytest.mark.parametrize("at", ["tasks", "results"])
def test_strangers_do_not_get_through_the_handshake(case, run, at):
    earlier = make_keys(case, "earlier")
    kind = zmq.DEALER if at == "tasks" else zmq.PUSH
    process = run.ventilator if at == "tasks" else run.sink
    endpoint = run.tasks if at == "tasks" else run.results
    server = run.public("ventilator" if at == "tasks" else "sink")
    unknown, old = stranger(), Certificate(earlier / "worker.key_secret")
    refused = {unknown: "unknown key", run.key("ventilator"): "wrong role", old: "unknown key"}
    if at == "results":
        refused |= {run.key("sink"): "wrong role", run.revoked: "revoked key"}
    for own, why in refused.items():
        assert kept_out(run, kind, endpoint, own, server) == "refused", why
        run.logged(process, at, why, own.public)
    wrong = {
        "another server's key": (run.key("worker"), stranger().public),
        "the other server's key": (run.key("worker"), run.public("sink" if at == "tasks" else "ventilator")),
        "an earlier run's keys": (old, old.ventilator),
    }
    for own, key in wrong.values():
        turned_away(run, at, "its key was made for another one than this", kind, endpoint, own, key)
    turned_away(run, at, "no key", kind, endpoint, None, b"")
    run.expect_right_end()
    # An address is logged once for each cause; "?" is one that was gone too soon to be asked for.
    assert process.stderr().count("key=none") <= 4, process.stderr()


def turned_away(run, at, why, *peer):
    """What is not even asked for its key, or has one that nobody here can read, is logged as well.

    A peer without a key may hear first that one is wanted, and be gone: another comes then.
    """
    process = run.ventilator if at == "tasks" else run.sink
    pattern = rf'refused at={at} address="(127\.0\.0\.1|\?)" key=none why="{why}"'

    def is_logged():
        assert kept_out(run, *peer) in ("protocol", "ended"), why
        return re.search(pattern, process.stderr())

    run.case.wait_for(is_logged, f"{process.name} to log {why}")


# ---- who comes through it, and may not do that ----


def rejected(run, own, hello):
    peer = KeyedPeer(zmq.DEALER, run.tasks, own, run.public("ventilator"))
    with contextlib.closing(peer):
        hello(peer)
        fields = peer.read()
        assert fields[0] == REJECT, fields
        return fields[2].decode()


def test_a_workers_key_is_no_sinks_and_a_sinks_is_no_workers(run):
    results = run.results
    worker, sink = run.key("worker-spare"), run.key("sink")
    assert rejected(run, worker, lambda peer: hello_sink(peer, results)) == "your key is a worker's, and no sink's"
    assert rejected(run, worker, lambda peer: peer.say(BEGIN, NONE, NONE, 1, 0, b"", b"", [])) == "your key is a worker's, and no sink's"
    assert rejected(run, sink, hello_worker) == "your key is a sink's, and no worker's"
    run.logged(run.ventilator, "tasks", "your key is a worker's, and no sink's", worker.public)
    run.logged(run.ventilator, "tasks", "your key is a sink's, and no worker's", sink.public)
    run.expect_right_end()


def test_a_new_peer_with_a_revoked_key_is_told_so(run):
    assert rejected(run, run.revoked, hello_worker) == "your key is revoked"
    assert rejected(run, run.revoked, lambda peer: hello_sink(peer, run.results)) == "your key is revoked"
    assert rejected(run, run.revoked, lambda peer: peer.say(PING, 0, 0, False, [])) == "your key is revoked"
    run.logged(run.ventilator, "tasks", "your key is revoked", run.revoked.public)
    run.expect_right_end()


def test_a_worker_whose_key_is_revoked_leaves_its_tasks_to_the_others(case):
    """Again and again, in the middle of a run."""
    run = Run(case)
    for number in range(5):
        name = f"worker-{number}"
        run.feed(LINES)
        case.run("fanfold-keygen", run.keys, "--worker", number).expect(0)
        notes = case.path(f"notes-{number}")
        mine = start_worker(
            case,
            run.tasks,
            "--keys",
            run.keys / f"{name}.key_secret",
            "-j4",
            "--shell",
            f"echo x >>{notes}; [ $(wc -l <{notes}) -lt 3 ] || : <{case.gate(f'gate-{number}')}; tr a-z A-Z",
        )

        def stands(notes=notes):
            run.feed(LINES)
            return notes.exists() and notes.read_text().count("x") >= 3

        case.wait_for(stands, "the worker to stand in its tasks")
        case.run("fanfold-keygen", run.keys, "--revoke", name).expect(0)
        mine.expect(5)
        assert "your key is revoked" in mine.stderr(), mine.stderr()
        run.ventilator.wait_for_stderr(rf'refused at=tasks address=\S+ key=\S*worker:\S+ why="your key is revoked"')
    run.expect_right_end()


def test_a_program_that_has_a_workers_key_is_no_ventilator(case, run):
    """A worker meets only whoever has the ventilator's key; nothing is said to another."""
    own = run.key("worker-spare")
    router = zmq.Context.instance().socket(zmq.ROUTER)
    router.curve_server, router.curve_secretkey = True, own.secret
    port = router.bind_to_random_port("tcp://127.0.0.1")
    with contextlib.closing(router):
        for program, words in {"fanfold-worker": ["--", "cat"], "fanfold-sink": ["--results", "tcp://127.0.0.1:*"]}.items():
            fooled = case.run(program, "--keys", run.keys, "--tasks", f"tcp://127.0.0.1:{port}", "--patience", "2s", *words)
            fooled.expect(5)
            assert "it has another key than the one that ours was made for" in fooled.stderr(), fooled.stderr()
        assert not router.poll(0)
    run.expect_right_end()


# ---- who never ends the handshake ----


def test_handshakes_that_never_finish_keep_nobody_out(case, run):
    where = run.tasks.removeprefix("tcp://").split(":")
    greeting = GREETING[:12] + b"CURVE".ljust(20, b"\0") + bytes(32)
    beginnings = [b"", b"\xff", GREETING[:11], greeting, greeting + b"\x04\x26\x05HELLO", os.urandom(64), b"GET / HTTP/1.1\r\n\r\n"]
    with contextlib.ExitStack() as stack:
        for number in range(HANDSHAKES):
            raw = stack.enter_context(socket.create_connection((where[0], int(where[1]))))
            with contextlib.suppress(OSError):
                raw.sendall(beginnings[number % len(beginnings)])
        late = start_worker(case, run.tasks, "--keys", run.keys, "--shell", "echo came >&2; tr a-z A-Z")
        run.feed(LINES * 4)
        late.wait_for_stderr("^came|came$")
        run.workers.append(late)
        run.expect_right_end()


def test_more_strangers_than_the_ventilator_has_descriptors_for_end_no_run(case):
    run = Run(case, before=["prlimit", "--nofile=120"])
    host, port = run.tasks.removeprefix("tcp://").split(":")
    with contextlib.ExitStack() as stack:
        for _ in range(HANDSHAKES):
            raw = stack.enter_context(socket.socket())
            raw.setblocking(False)
            raw.connect_ex((host, int(port)))
        descriptors = f"/proc/{run.ventilator.pid}/fd"
        case.wait_for(lambda: len(os.listdir(descriptors)) >= 115, "the strangers to take all descriptors")
        run.feed(LINES * 4)
        run.expect_right_end()


def test_a_stranger_who_speaks_byte_by_byte_is_cut_off(case, run):
    """The handshake has ten seconds, however alive its peer is."""
    host, port = run.tasks.removeprefix("tcp://").split(":")
    greeting = GREETING[:12] + b"CURVE".ljust(20, b"\0") + bytes(32)
    with socket.create_connection((host, int(port))) as raw:
        raw.setblocking(False)
        sent = 0

        def is_cut():
            nonlocal sent
            try:
                raw.send(greeting[sent % len(greeting) :][:1] if sent < len(greeting) - 1 else b"")
                sent += 1
                return raw.recv(1 << 16) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True

        case.wait_for(is_cut, "the ventilator to close the connection", 30)
    run.expect_right_end()


# ---- who is let in later ----


def test_a_worker_that_keeps_trying_is_let_in_when_its_key_is_added(case):
    names = [f"late{number}" for number in range(LATE)]
    run = Run(case, parked=names)
    late = {}
    for name in names:
        key = run.keys / f"worker-{name}.key_secret"
        script = "echo come in >&2; tr a-z A-Z"
        late[name] = start_worker(case, run.tasks, "--keys", key, "--patience", "60s", "--shell", script)
    for worker in late.values():
        worker.wait_for_stderr("it does not let this key in: unknown or revoked")
    for name, worker in late.items():
        assert "come in" not in worker.stderr(), name
        os.rename(run.parked / f"worker-{name}.key", run.keys / f"worker-{name}.key")

    def all_in():
        run.feed(LINES)
        return all("come in" in worker.stderr() for worker in late.values())

    case.wait_for(all_in, "all to be let in", 60)
    run.workers += late.values()
    run.expect_right_end()


def test_a_worker_that_the_sink_does_not_know_yet_is_let_in_by_it_when_it_does(case):
    """Ventilator and sink look through the keys at their own times: here the sink is far behind, with a copy of its own."""

    def copied(keys):
        shutil.copytree(keys, case.path("keys-of-sink"))
        return case.path("keys-of-sink")

    run = Run(case, sink_keys=copied)
    case.run("fanfold-keygen", run.keys, "--worker", "late").expect(0)
    script = "echo come in >&2; tr a-z A-Z"
    late = start_worker(
        case, run.tasks, "--keys", run.keys / "worker-late.key_secret", "--log-level", "info", "--shell", script
    )
    run.logged(run.sink, "results", "unknown key", run.public("worker-late"))
    case.wait_for(lambda: late.stderr().count("link_refused") >= 3, "the worker to try again, and again")
    assert "come in" not in late.stderr()
    shutil.copy(run.keys / "worker-late.key", case.path("keys-of-sink"))

    def is_in():
        run.feed(40)  # a task for each slot
        return "come in" in late.stderr()

    case.wait_for(is_in, "the worker to be let in")
    run.workers.append(late)
    run.expect_right_end()


# ---- what fits ----


@pytest.mark.parametrize("more", [0, 1])
def test_a_result_of_exactly_the_limit_arrives(case, more):
    """CURVE makes a frame longer."""
    limit = 3 << 20
    keys = make_keys(case)
    ventilator, tasks = start_ventilator(case, "--keys", keys, stdin=b"x\n")
    sink = start_sink(case, tasks, "--keys", keys, "--max-result", limit)
    script = f"cat >/dev/null; head -c {limit + more} /dev/zero | tr '\\0' y"
    worker = start_worker(case, tasks, "--keys", keys, "--shell", script)
    if more:
        assert ventilator.wait() == 3 and sink.wait() != 0 and not sink.output()
        worker.wait()
        return
    for process in (ventilator, sink, worker):
        process.expect(0)
    assert sink.output() == b"y" * limit
