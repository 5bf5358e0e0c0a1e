# SPDX-License-Identifier: MIT
"""CONNECTOR/1 of an input: records to fanfold, and committed cursors back."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Callable, Optional

from ._ends import Failure, Input, Lost
from ._patience import patiently, say
from ._pipes import TEND_S, Ended, Link

_CURSOR = re.compile(r"[!-~]{1,120}")
_NO_CURSOR = "-"
_WAIT_S = 0.25  # how long a read may wait: committed cursors wait as long
_IDLE_S, _IDLE_WAIT_S = 5.0, 1.0  # once nothing came for so long, and all is committed, a read waits longer


class Feed:
    """Between an Input and fanfold.

    `sent` is the cursor of the last record that fanfold was sent, `committed` the last one that fanfold named, and
    `told` the last one that the source acknowledged since it was opened.
    """

    def __init__(self, source: Input, link: Link, patience_s: float) -> None:
        self.source, self.link, self.patience_s = source, link, patience_s
        self.sent: Optional[str] = None
        self.committed: Optional[str] = None
        self.told: Optional[str] = None
        self.group: list[bytes] = []  # records without a cursor wait for the next one
        self.lost: Optional[Lost] = None  # since it was opened
        self.active_s = time.monotonic()  # when a record came last

    def run(self) -> None:
        line = self.link.first_line()
        if line is None:
            return
        word, _, cursor = line.partition(" ")
        if word != "start" or not _CURSOR.fullmatch(cursor):
            raise Failure(f"fanfold began with {line!r}, not with start and a cursor: is this a connector of -i?")
        self.sent = None if cursor == _NO_CURSOR else cursor
        try:
            self.open(self.link.pause_or_end)
            while self.turn():
                pass
            self.link.close_sink()
            self.await_commits()
        except Ended:
            pass
        except BrokenPipeError:  # fanfold is gone; what it had committed counts
            self.link.close_sink()
            self.settle()
            raise
        self.settle()

    def open(self, pause: Callable[[float], None]) -> None:
        """Opens it after what was sent last; what was committed is acknowledged again."""
        self.group.clear()
        self.lost, self.told = None, None

        def attempt() -> None:
            try:
                self.source.open(self.sent)
                if self.committed is not None:
                    self.source.commit(self.committed)
            except Lost as lost:
                self.source.close()
                self.lost = lost
                raise

        patiently(attempt, pause, self.patience_s)
        self.lost, self.told = None, self.committed

    def turn(self) -> bool:
        """Commits, reads and sends; False at the end of the input."""
        batch: Optional[Sequence[tuple[Optional[str], bytes]]] = []
        self.listen()
        if self.link.ended:
            raise Ended
        self.try_to(self.tell)
        if not self.lost:
            try:
                batch = self.source.read(self.wait_s())
            except Lost as lost:
                self.lost = lost
        if batch:
            self.send(batch)
        if self.lost:
            self.open_again(self.link.pause_or_end)
        elif batch is None and self.group:
            raise Failure("the input ended after a record without a cursor")
        return batch is not None

    def wait_s(self) -> float:
        busy = self.committed != self.sent or time.monotonic() - self.active_s < _IDLE_S
        return _WAIT_S if busy else _IDLE_WAIT_S

    def send(self, batch: Sequence[tuple[Optional[str], bytes]]) -> None:
        data: list[bytes] = []
        sent = self.sent
        self.active_s = time.monotonic()
        for cursor, record in batch:
            if cursor is not None and (cursor == _NO_CURSOR or not _CURSOR.fullmatch(cursor)):
                raise ValueError(f"a cursor is 1 to 120 printable characters without spaces, and not -: {cursor!r}")
            self.group += [b"%s %d\n" % ((cursor or _NO_CURSOR).encode(), len(record)), record]
            if cursor is not None:
                data += self.group
                self.group.clear()
                sent = cursor
        self.link.send(b"".join(data), self.tend)
        self.sent = sent

    def try_to(self, act: Callable[[], None]) -> None:
        """Remembers for later that the server is away."""
        if not self.lost:
            try:
                act()
            except Lost as lost:
                self.lost = lost

    def tend(self) -> None:
        self.listen()
        if self.link.ended:
            raise Ended
        self.try_to(self.tell)
        self.try_to(self.source.tend)

    def open_again(self, pause: Callable[[float], None]) -> None:
        say(f"lost: {self.lost}")
        self.source.close()
        self.open(pause)

    def listen(self) -> None:
        """Remembers the newest of the committed cursors."""
        self.link.take()
        while (line := self.link.line()) is not None:
            word, _, cursor = line.partition(" ")
            if word != "committed" or not _CURSOR.fullmatch(cursor):
                raise Failure(f"fanfold said {line!r}, which is not of CONNECTOR/1")
            self.committed = cursor

    def tell(self) -> None:
        if self.committed is not None and self.committed != self.told:
            self.source.commit(self.committed)
            self.told = self.committed

    def await_commits(self) -> None:
        """At the end of the input: until all that was sent is safe."""
        while self.sent is not None and self.committed != self.sent:
            self.link.poll(TEND_S)
            self.tend()
            if self.lost:
                self.open_again(self.link.pause_or_end)

    def settle(self) -> None:
        """Acknowledges what was committed last, though the server may be away."""
        self.listen()
        self.try_to(self.tell)
        if self.lost and self.committed is not None and self.committed != self.told:
            self.open_again(self.link.pause)
        if not self.lost:
            self.source.close()
