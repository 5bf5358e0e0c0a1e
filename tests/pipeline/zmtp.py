# SPDX-License-Identifier: MIT
"""A peer that speaks ZMTP 3.1 by hand, byte by byte, so that it can also speak it wrongly."""

import contextlib
import socket
import struct
import time

import msgpack

GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
MORE, LARGE, COMMAND = 1, 2, 4
DEADLINE_S = 60.0


def connect_ipc(path):
    """A listener's path exists from bind() on, and refuses until its listen(): try again."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        raw = socket.socket(socket.AF_UNIX)
        try:
            raw.connect(path)
            return raw
        except ConnectionRefusedError:
            raw.close()
            if time.monotonic() > deadline:
                raise


def open_socket(endpoint):
    """A connection to ipc://PATH or tcp://HOST:PORT, before any greeting."""
    kind, _, where = endpoint.partition("://")
    if kind == "ipc":
        raw = connect_ipc(where)
    else:
        host, _, port = where.rpartition(":")
        raw = socket.create_connection((host, int(port)))
    raw.settimeout(DEADLINE_S)
    return raw


def frame(body, flags=0):
    if len(body) > 255:
        return struct.pack(">BQ", flags | LARGE, len(body)) + body
    return bytes([flags, len(body)]) + body


def message(*frames):
    return b"".join(frame(body, MORE if more else 0) for more, body in _marked(frames))


def _marked(frames):
    return [(i + 1 < len(frames), body) for i, body in enumerate(frames)]


def claim(size, flags=0):
    """The head of a frame that never comes."""
    return struct.pack(">BQ", flags | LARGE, size)


def packed(*fields):
    return msgpack.packb(fields, use_bin_type=True)


def ready(kind, routing_id=b""):
    fields = {b"Socket-Type": kind.encode(), b"Identity": routing_id}
    pairs = (bytes([len(k)]) + k + struct.pack(">I", len(v)) + v for k, v in fields.items())
    return frame(b"\x05READY" + b"".join(pairs), COMMAND)


class Peer:
    """A connection that has shaken hands. Everything else is up to the test."""

    def __init__(self, endpoint, kind, routing_id=b""):
        self.raw = open_socket(endpoint)
        self.raw.sendall(GREETING + ready(kind, routing_id))
        self.read_bytes(len(GREETING))
        self.read_frame()

    def read_bytes(self, size):
        data = b""
        while len(data) < size:
            piece = self.raw.recv(size - len(data))
            if not piece:
                raise ConnectionError("the other side has closed the connection")
            data += piece
        return data

    def read_frame(self):
        """(flags, body)"""
        flags = self.read_bytes(1)[0]
        size = struct.unpack(">Q", self.read_bytes(8))[0] if flags & LARGE else self.read_bytes(1)[0]
        return flags, self.read_bytes(size)

    def read_message(self):
        """The header's fields, and the payload (b"" where there is none)."""
        frames, more = [], True
        while more:
            flags, body = self.read_frame()
            frames.append(body)
            more = flags & MORE
        fields = msgpack.unpackb(frames[0], raw=False, unicode_errors="surrogateescape")
        return fields, b"".join(frames[1:])

    def read_until(self, kind):
        """The next message of that type; what comes before it is dropped."""
        while True:
            fields, payload = self.read_message()
            if fields[0] == kind:
                return fields, payload

    def say(self, *fields):
        self.send(packed(*fields))

    def send(self, *frames):
        self.raw.sendall(message(*frames))

    def wait_for_close(self):
        """Reads on until the other side closes: it has taken all that came before."""
        with contextlib.suppress(ConnectionResetError):
            while self.raw.recv(1 << 16):
                pass

    def close(self):
        self.raw.close()
