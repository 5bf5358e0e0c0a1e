# SPDX-License-Identifier: MIT
"""Peers of the tests' own at links that have keys: right ones, and wrong ones."""

import re

import msgpack
import zmq
from zmq.utils.monitor import parse_monitor_message

FAILED = {
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: "refused",
    zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL: "protocol",
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL: "ended",
    zmq.EVENT_DISCONNECTED: "ended",
}
DEADLINE_MS = 60000


class Certificate:
    """What a certificate's file says."""

    def __init__(self, path):
        text = path.read_text()
        found = dict(re.findall(r'([a-z-]+) = "([^"]*)"', text))
        self.public = found["public-key"].encode()
        self.secret = found.get("secret-key", "").encode()
        self.ventilator = found.get("ventilator-key", "").encode()


def stranger():
    """A pair that nobody knows."""
    made = object.__new__(Certificate)
    made.public, made.secret = zmq.curve_keypair()
    made.ventilator = b""
    return made


class KeyedPeer:
    """A socket with a key of the test's choice, or none, and what became of its handshake."""

    def __init__(self, kind, endpoint, own=None, server=b""):
        self.socket = zmq.Context.instance().socket(kind)
        self.socket.linger = 0
        self.socket.rcvtimeo = self.socket.sndtimeo = DEADLINE_MS
        if own:
            self.socket.curve_publickey, self.socket.curve_secretkey = own.public, own.secret
            self.socket.curve_serverkey = server
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | sum(FAILED))
        self.monitor.rcvtimeo = DEADLINE_MS
        self.socket.connect(endpoint)

    def outcome(self):
        """ "in", or how it was kept out."""
        event = parse_monitor_message(self.monitor.recv_multipart())["event"]
        return FAILED.get(event, "in")

    def say(self, *fields, payload=None):
        frames = [msgpack.packb(fields, use_bin_type=True)]
        self.socket.send_multipart(frames + ([payload] if payload is not None else []))

    def read(self):
        frames = self.socket.recv_multipart()
        return msgpack.unpackb(frames[0], raw=False, unicode_errors="surrogateescape")

    def heard_anything(self):
        return self.socket.poll(0) != 0

    def close(self):
        self.socket.disable_monitor()
        self.monitor.close(0)
        self.socket.close(0)
