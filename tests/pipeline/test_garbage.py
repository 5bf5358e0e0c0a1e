# SPDX-License-Identifier: MIT
"""Garbage at both bound sockets in the middle of a run, which ends right all the same.

The run is fed through a pipe: half of the input before, half after. That what was sent
has been read is known by an event: libzmq closes a connection whose next frame claims to
be larger than allowed, and it does so when it gets there.
"""

import contextlib
import re
import socket
import subprocess

import garbage
from fed_run import FedRun
from harness import SLOWNESS
from zmtp import GREETING, LARGE, MORE, Peer, claim, message, open_socket

MESSAGES = 10000
PEERS = 50
NOISES = 200
GIB = 1 << 30
PEAK_MAX = 96 << 20


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Run(FedRun):
    """A ventilator that is fed by the test, a sink and two workers."""

    def __init__(self, case, transport="ipc", ventilator=(), workers=2):
        at = case.endpoints()
        if transport == "tcp":
            at[1], at[3] = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
            at.append("--insecure")
        self.tasks, self.results = at[1], at[3]
        self.at = at
        sink = case.start("fanfold-sink", *at, "--log-level", "info")
        fed = case.start(
            "fanfold-ventilator", *at, *ventilator, "--log-level", "info", "--liveness", "2s", "-N", 10,
            stdin=subprocess.PIPE,
        )  # fmt: skip
        started = [case.start("fanfold-worker", *at, "-j1", "--", "tr", "a-z", "A-Z") for _ in range(workers)]
        super().__init__(case, fed, sink, started)

    def expect_said_once(self, process, pattern):
        said = re.findall(pattern, process.stderr(), re.M)
        assert len(said) == 1, said

    def expect_bounded(self):
        """The peaks of memory, over all of their lives."""
        for process in [self.ventilator, self.sink]:
            status = self.case.path(f"/proc/{process.pid}/status").read_text()
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
            print(f"# {process.name}: peak of {peak >> 20} MiB", flush=True)
            assert peak < PEAK_MAX * SLOWNESS, f"{process.name} took {peak >> 20} MiB"


def shower(endpoint, kind, seed, count):
    """`count` messages over many connections; returns when all are read. The last is cut off."""
    share = count // PEERS
    peers = [Peer(endpoint, kind) for _ in range(PEERS)]
    wrong = garbage.messages(seed, share * PEERS)
    for _ in range(share):
        for peer in peers:
            peer.send(*next(wrong))
    for peer in peers:
        peer.raw.sendall(claim(2 * GIB))
        peer.wait_for_close()
        peer.close()


def make_noise(endpoint, seed):
    """Bytes that are no ZMTP, each over a connection of its own, until libzmq closes it."""
    for noise in garbage.noises(seed, NOISES):
        with open_socket(endpoint) as raw, contextlib.suppress(OSError):
            raw.sendall(noise)
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(1 << 16):
                pass


def bring_routing_ids(endpoint, count=20):
    """Peers that chose a routing id of their own: nothing of what they say is heard."""
    peers = [Peer(endpoint, "DEALER", b"peer %d" % number) for number in range(count)]
    for peer in peers:
        peer.send(garbage.examples()[3])
        peer.send(b"\xc1")
        peer.raw.sendall(claim(2 * GIB))
        peer.wait_for_close()
        peer.close()


def half_open(endpoint, kind):
    """Connections that stay, and never go on: at every point of a handshake and a message."""
    peers = [Peer(endpoint, kind) for _ in range(3)]
    peers[0].raw.sendall(claim(1 << 20) + b"x" * 1000)
    peers[1].raw.sendall(message(b"\x91\x13")[:2])
    peers[2].raw.sendall(bytes([MORE, 1, 0x91]))
    raws = [open_socket(endpoint) for _ in range(3)]
    raws[0].sendall(GREETING[:11])
    raws[1].sendall(GREETING)
    return [*raws, *(peer.raw for peer in peers)]


def claim_gibibytes(endpoint, kind):
    """Heads of frames that are far too large, as first frames, later ones and commands."""
    for size in (2 * GIB, 2 * GIB - 1, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1):
        for flags in (LARGE, LARGE | MORE):
            peer = Peer(endpoint, kind)
            peer.raw.sendall((message(b"\x91\x06") if flags & MORE else b"") + claim(size, flags) + b"x" * 4096)
            peer.wait_for_close()
            peer.close()


def garbage_does_no_harm(case, transport):
    run = Run(case, transport)
    stuck = []
    for endpoint, kind in [(run.tasks, "DEALER"), (run.results, "PUSH")]:
        stuck += half_open(endpoint, kind)
        shower(endpoint, kind, f"{transport} {kind}", MESSAGES // 2)
        make_noise(endpoint, f"{transport} {kind}")
        claim_gibibytes(endpoint, kind)
    bring_routing_ids(run.tasks)
    run.expect_bounded()
    run.expect_right_end()
    for raw in stuck:
        raw.close()
    peers = re.findall(r"\bmalformed peer=(\d+)", run.ventilator.stderr())
    assert len(peers) >= PEERS, f"{len(peers)} lines for {PEERS} peers"
    assert len(peers) == len(set(peers)), "a peer is named twice"
    run.expect_said_once(run.ventilator, r"\brouting_id_refused")
    run.expect_said_once(run.sink, r"\bgarbage at=results")
    counted = int(re.search(r"\bend status=0 .*\bgarbage=(\d+)", run.sink.stderr())[1])
    assert counted > MESSAGES // 2 * 0.9, f"only {counted} were counted as garbage"


def test_garbage_at_both_sockets_on_ipc_does_no_harm(case):
    garbage_does_no_harm(case, "ipc")


def test_garbage_at_both_sockets_on_tcp_does_no_harm(case):
    garbage_does_no_harm(case, "tcp")
