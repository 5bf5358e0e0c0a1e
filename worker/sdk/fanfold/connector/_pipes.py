# SPDX-License-Identifier: MIT
"""The two pipes to and from fanfold."""

from __future__ import annotations

import contextlib
import os
import select
import time
from typing import Callable, Optional

import fanfold

_READ_BYTES = 1 << 16
TEND_S = 1.0  # how often a connector that waits for fanfold is tended


class Link:
    """Takes standard input and output for itself; user code gets an empty input, and stderr."""

    def __init__(self) -> None:
        self.source, sink = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        fanfold._redirect_prints()
        self.sink: Optional[int] = sink
        self.piece = _READ_BYTES
        try:  # opened again, as fanfold's own description must stay as it is
            self.sink = os.open(f"/proc/self/fd/{sink}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.close(sink)
        except OSError:  # a socket
            self.piece = select.PIPE_BUF
        self.buffer = bytearray()
        self.ended = False

    def poll(self, wait_s: Optional[float], read: bool = True, write: bool = False) -> bool:
        """Waits for bytes to read, which it takes, or for room to write; True if there is room."""
        poll = select.poll()
        if read and not self.ended:
            poll.register(self.source, select.POLLIN)
        if self.sink is not None:
            poll.register(self.sink, select.POLLOUT if write else 0)
        events = dict(poll.poll(None if wait_s is None else max(0, round(wait_s * 1000))))
        writable = 0 if self.sink is None else events.get(self.sink, 0)
        if writable and not writable & select.POLLOUT:
            raise BrokenPipeError  # nobody reads it any more
        if self.source in events:
            data = os.read(self.source, _READ_BYTES)
            self.buffer += data
            self.ended = not data
        return bool(writable)

    def take(self) -> None:
        """All that has come."""
        size = -1
        while not self.ended and len(self.buffer) > size:
            size = len(self.buffer)
            self.poll(0)

    def line(self) -> Optional[str]:
        """The next whole line at hand."""
        end = self.buffer.find(b"\n")
        if end < 0:
            return None
        line = self.buffer[:end].decode("ascii", "replace")
        del self.buffer[: end + 1]
        return line

    def first_line(self) -> Optional[str]:
        """Waits for it; None if there is none."""
        line = None
        while line is None and not self.ended:
            self.poll(None)
            line = self.line()
        return line

    def send(self, data: bytes, tend: Optional[Callable[[], None]] = None) -> None:
        """Writes it all. With `tend` it reads meanwhile, and calls that when a line came, or a second went by."""
        view = memoryview(data)
        tended_s = time.monotonic()
        while view:
            if self.poll(TEND_S, read=tend is not None, write=True):
                assert self.sink is not None
                with contextlib.suppress(BlockingIOError):
                    view = view[os.write(self.sink, view[: self.piece]) :]
            if tend and (b"\n" in self.buffer or time.monotonic() - tended_s >= TEND_S):
                tend()
                tended_s = time.monotonic()

    def close_sink(self) -> None:
        if self.sink is not None:
            os.close(self.sink)
            self.sink = None

    def pause(self, pause_s: float) -> None:
        """Ends this process where fanfold is gone, as far as can be seen."""
        until_s = time.monotonic() + pause_s
        while (left_s := until_s - time.monotonic()) > 0:
            self.poll(left_s, read=False)

    def pause_or_end(self, pause_s: float) -> None:
        """Raises Ended as soon as fanfold closes standard input."""
        until_s = time.monotonic() + pause_s
        while not self.ended and (left_s := until_s - time.monotonic()) > 0:
            self.poll(left_s)
        if self.ended:
            raise Ended


class Ended(Exception):
    """fanfold has closed standard input."""
