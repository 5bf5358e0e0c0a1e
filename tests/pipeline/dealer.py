# SPDX-License-Identifier: MIT
"""A producer of DEALER/1, written from common/DEALER.md's text."""

import struct
import time

import zmq


class Lost(AssertionError):
    """The receiver has less than it said to have."""


class Producer:
    """Numbered messages that it keeps until they are acknowledged; `pump` makes it go."""

    def __init__(self, context, endpoint, ident, total, text=b"%s %d"):
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self.socket.connect(endpoint)
        self.ident, self.total, self.text = ident, total, text
        self.have = self.sent = self.credit = self.most = 0
        self.rejected = None
        self.heard = time.monotonic()
        self.hello()

    def message(self, number):
        return self.text % (self.ident, number)

    def hello(self):
        self.credit = 0
        self.heard = time.monotonic()
        self.socket.send_multipart([b"HELLO", b"DEALER/1", self.ident], zmq.DONTWAIT)

    def data(self, number):
        self.socket.send_multipart([b"DATA", self.ident, struct.pack(">Q", number), self.message(number)], zmq.DONTWAIT)

    def done(self):
        return self.have == self.total

    def hear(self, word, rest):
        self.heard = time.monotonic()
        if word == b"REJECT":
            self.rejected = rest[0].decode()
        elif word == b"AGAIN":
            self.sent = struct.unpack(">Q", rest[0])[0] - 1
        elif word == b"HAVE":
            have, begins = struct.unpack(">Q", rest[0])[0], self.credit == 0
            if have < self.have:
                raise Lost(f"{self.ident}: HAVE {have} after {self.have}")
            self.have = have
            self.credit = struct.unpack(">I", rest[1])[0]
            self.sent = have if begins else max(self.sent, have)

    def pump(self, seconds):
        """Sends and hears for so long, or until all is acknowledged."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.done() and self.rejected is None:
            more = self.sent < min(self.total, self.have + self.credit)
            if more:
                self.sent += 1
                try:
                    self.data(self.sent)
                except zmq.Again:
                    self.sent -= 1
                    more = False
                self.most = max(self.most, self.sent - self.have)
            if self.socket.poll(0 if more else 20):
                word, _, *rest = self.socket.recv_multipart()
                self.hear(word, rest)
            elif not more and time.monotonic() - self.heard > 0.3:
                try:
                    self.hello()
                except zmq.Again:
                    self.heard = time.monotonic()

    def close(self):
        self.socket.close()
