# SPDX-License-Identifier: MIT
"""A way on loopback that a test breaks: bytes from a tcp port to an ipc endpoint and back."""

import contextlib
import selectors
import socket
import threading


class Connection:
    """One peer. What it sends is counted; while `swallowing` it goes nowhere."""

    def __init__(self, peer, target):
        self.peer = peer
        self.target = target
        self.swallowing = False
        self.swallowed = 0
        self.forwarded = 0

    def close(self):
        for end in (self.peer, self.target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class TcpProxy:
    """`endpoint` is where peers connect. All that goes on happens in a thread of its own."""

    def __init__(self, path):
        self.path = str(path)
        self.connections = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.wake, waker = socket.socketpair()
        self.selector.register(waker, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wake.close()
        self.thread.join()

    def serve(self):
        while True:
            for key, _ in self.selector.select():
                with self.lock:
                    if key.fileobj is self.listener:
                        self.accept()
                    elif key.data is None:
                        return self.end()
                    elif key.fileobj.fileno() >= 0 and not self.pass_on(key.fileobj, key.data):
                        self.drop(key.data)

    def accept(self):
        peer, _ = self.listener.accept()
        target = socket.socket(socket.AF_UNIX)
        try:
            target.connect(self.path)
        except OSError:
            peer.close()
            return
        connection = Connection(peer, target)
        self.connections.append(connection)
        self.selector.register(peer, selectors.EVENT_READ, connection)
        self.selector.register(target, selectors.EVENT_READ, connection)

    def pass_on(self, source, connection):
        """False: one of the two ends has closed."""
        try:
            data = source.recv(1 << 16)
            if source is connection.target:
                connection.peer.sendall(data)
            elif connection.swallowing:
                connection.swallowed += len(data)
            else:
                connection.target.sendall(data)
                connection.forwarded += len(data)
        except OSError:
            return False
        return bool(data)

    def drop(self, connection):
        for end in (connection.peer, connection.target):
            with contextlib.suppress(KeyError, ValueError):
                self.selector.unregister(end)
        connection.close()

    def cut(self, connection):
        with self.lock:
            self.drop(connection)

    def end(self):
        for connection in self.connections:
            self.drop(connection)
        self.listener.close()
