# SPDX-License-Identifier: MIT
"""Producers of messages, by pyzmq: what a run receives from other programs."""

import contextlib
import socket

import zmq


@contextlib.contextmanager
def sockets():
    """Makes sockets, and closes them without waiting for who does not take what they have."""
    context = zmq.Context()

    def make(kind, **options):
        made = context.socket(kind)
        made.linger = 0
        for name, value in options.items():
            setattr(made, name, value)
        return made

    yield make
    context.destroy(linger=0)


class Impostor:
    """Listens at a path, and writes to who connects what no socket of ZeroMQ would."""

    def __init__(self, path):
        self.path, self.endpoint = path, f"ipc://{path}"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.settimeout(60)
        self.listener.bind(str(path))
        self.listener.listen()
        self.peer = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.path.unlink()
        if self.peer:
            self.peer.close()

    def accept(self):
        self.peer, _ = self.listener.accept()
        self.peer.settimeout(60)

    def puzzle(self):
        """Wants a mechanism that libzmq does not know."""
        self.accept()
        self.send(b"\xff" + bytes(8) + b"\x7f\3\0" + b"KERBEROS".ljust(20, b"\0") + bytes(32))

    def send(self, data):
        self.peer.sendall(data)

    def receive(self, size):
        data = b""
        while len(data) < size:
            more = self.peer.recv(size - len(data))
            assert more, "it hung up"
            data += more
        return data

    def greet(self, kind=b"PUSH"):
        """Becomes such a socket: ZMTP 3.0, without security."""
        self.accept()
        self.send(b"\xff" + bytes(8) + b"\x7f\3\0" + b"NULL".ljust(20, b"\0") + bytes(32))
        self.receive(64)
        ready = b"\5READY\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind
        self.send(bytes([4, len(ready)]) + ready)
        self.receive(self.receive(2)[1])


def bind(sender, case, name="feed"):
    """Binds it to a path of the case; the endpoint."""
    endpoint = f"ipc://{case.path(name)}"
    sender.bind(endpoint)
    return endpoint


def bind_tcp(sender):
    """Binds it to a port that is free; the endpoint."""
    return f"tcp://127.0.0.1:{sender.bind_to_random_port('tcp://127.0.0.1')}"


def frame_of(payload):
    """A record of --format frames."""
    return len(payload).to_bytes(4, "big") + payload
