# SPDX-License-Identifier: MIT
"""Producers of messages, by pyzmq: what a run receives from other programs."""

import contextlib

import zmq


@contextlib.contextmanager
def sockets():
    """Makes sockets, and closes them without waiting for who does not take what they have."""
    context = zmq.Context()

    def make(kind, **options):
        socket = context.socket(kind)
        socket.linger = 0
        for name, value in options.items():
            setattr(socket, name, value)
        return socket

    yield make
    context.destroy(linger=0)


def bind(socket, case, name="feed"):
    """Binds it to a path of the case; the endpoint."""
    endpoint = f"ipc://{case.path(name)}"
    socket.bind(endpoint)
    return endpoint


def bind_tcp(socket):
    """Binds it to a port that is free; the endpoint."""
    return f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"


def frame_of(payload):
    """A record of --format frames."""
    return len(payload).to_bytes(4, "big") + payload
