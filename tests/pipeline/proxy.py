# SPDX-License-Identifier: MIT
"""A TCP link on loopback that a test stalls, cuts and restores."""

import contextlib
import socket
import threading

PIECE = 64 << 10
UP, DOWN = "up", "down"  # to the target; back


class Proxy:
    """Forwards from a port of its own to `target`, which may be set later.

    Stalled, in one direction or both, it takes bytes and holds them (one piece a direction;
    the rest waits in the kernel). Cut, it breaks all connections, loses what it holds, and refuses new ones.
    """

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.target = None
        self.state = threading.Condition()
        self.stalled = ()
        self.is_cut = False
        self.pairs = []
        self.accepted = self.broken = 0
        self.held = {UP: 0, DOWN: 0}
        self.lost = {UP: 0, DOWN: 0}
        self.passed = {UP: 0, DOWN: 0}
        threading.Thread(target=self.accept, daemon=True).start()

    # -- orders --

    def stall(self, *ways):
        with self.state:
            self.stalled = ways or (UP, DOWN)

    def flow(self):
        """No stall any more, and no cut."""
        with self.state:
            self.stalled = ()
            self.is_cut = False
            self.state.notify_all()

    def cut(self):
        with self.state:
            self.is_cut = True
            self.broken += len(self.pairs)
            for pair in self.pairs:
                close(pair)
            self.pairs = []
            self.state.notify_all()

    # -- threads --

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            with self.state:
                if self.is_cut or self.target is None:
                    client.close()
                    continue
                self.accepted += 1
                pair = (client, socket.socket())
                self.pairs.append(pair)
            threading.Thread(target=self.serve, args=[pair], daemon=True).start()

    def serve(self, pair):
        client, server = pair
        with contextlib.suppress(OSError):
            server.connect(("127.0.0.1", self.target))
            back = threading.Thread(target=self.pump, args=[pair, server, client, DOWN], daemon=True)
            back.start()
            self.pump(pair, client, server, UP)
            back.join()
        with self.state:
            if pair in self.pairs:
                self.pairs.remove(pair)
        close(pair)

    def pump(self, pair, source, sink, way):
        with contextlib.suppress(OSError):
            while (data := source.recv(PIECE)) and self.may_pass(pair, way, len(data)):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            source.shutdown(socket.SHUT_RD)

    def may_pass(self, pair, way, size):
        """Waits while the link is stalled; False: it was cut."""
        with self.state:
            self.held[way] += size
            self.state.wait_for(lambda: way not in self.stalled or pair not in self.pairs)
            self.held[way] -= size
            there = pair in self.pairs
            (self.passed if there else self.lost)[way] += size
            return there


def close(pair):
    for side in pair:
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
        side.close()
