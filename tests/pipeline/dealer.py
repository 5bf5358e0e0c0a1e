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


class Receiver:
    """What has arrived of each producer, in order; it survives its own restarts by `books`."""

    def __init__(self, context, endpoint, books, credit=500):
        self.socket = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(endpoint)
        self.books, self.credit = books, credit  # {id: [payload, ...]}
        self.asked, self.drops = {}, 0

    def answer(self, route, word, ident, *rest):
        self.socket.send_multipart([route, word, ident, *rest])

    def have(self, route, ident):
        count = len(self.books.setdefault(ident, []))
        self.answer(route, b"HAVE", ident, struct.pack(">Q", count), struct.pack(">I", self.credit))

    def take(self, route, word, *rest):
        if word == b"HELLO":
            assert rest[0] == b"DEALER/1", rest
            self.asked.pop(rest[1], None)
            return rest[1]
        assert word == b"DATA", word
        ident, number, *payload = rest
        number, had = struct.unpack(">Q", number)[0], self.books.setdefault(ident, [])
        if number <= len(had):
            assert had[number - 1] == payload, "the same number is the same message"
            self.drops += 1
        elif number == len(had) + 1:
            had.append(payload)
            self.asked.pop(ident, None)
        elif self.asked.get(ident) != len(had) + 1:
            self.asked[ident] = len(had) + 1
            self.answer(route, b"AGAIN", ident, struct.pack(">Q", len(had) + 1))
            return None
        return ident

    def pump(self, seconds, wants=lambda: True):
        """Receives for so long, as long as it wants more."""
        end, owed = time.monotonic() + seconds, {}
        while (left := end - time.monotonic()) > 0 and wants():
            if self.socket.poll(0 if owed else min(20, 1000 * left)):
                route, *frames = self.socket.recv_multipart()
                ident = self.take(route, *frames)
                if ident is not None:
                    owed[ident] = route
            else:
                for ident, route in owed.items():
                    self.have(route, ident)
                owed = {}
        for ident, route in owed.items():
            self.have(route, ident)

    def close(self):
        self.socket.close()
