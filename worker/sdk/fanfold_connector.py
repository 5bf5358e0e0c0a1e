# SPDX-License-Identifier: MIT
r"""Connectors for fanfold, in Python 3.9 or later: one file, nothing else.

A connector brings records from another system into a run (-i 'exec:CMD'), or takes its
results to one (-o 'exec:CMD'). It is a process over two pipes; this module speaks
CONNECTOR/1 for it. Here the lines of a file come in, and a cursor is where a line ends:

    import fanfold_connector as connector

    class Lines(connector.Input):
        def open(self, start):                 # None: from the beginning
            self.file = open("log", "rb")
            self.file.seek(int(start or 0))

        def read(self, wait_s):                # [] if nothing came within wait_s, None at the end
            line = self.file.readline()
            return [(str(self.file.tell()), line.rstrip(b"\n"))] if line else None

        def commit(self, cursor):              # safe in the output: what acknowledges it upstream goes here
            print("safe", cursor)

    connector.run_input(Lines())

And out. `store` returns once the records are durable; `open` tells the number of the run's
first record that is not, or None if there is no way to tell:

    import os
    import fanfold_connector as connector

    class Log(connector.Output):
        def open(self, run, number):           # the records before this one are stored: fanfold knows
            self.file = open(f"{run}.log", "a+b")
            self.file.seek(0)
            text = self.file.read()
            self.file.truncate(text.rfind(b"\n") + 1)  # a kill may have torn the last line
            return text.count(b"\n")

        def store(self, number, records):      # `number` is that of the first
            self.file.write(b"".join(record + b"\n" for record in records))
            self.file.flush()
            os.fsync(self.file.fileno())

    connector.run_output(Log())

A method that finds its server away raises Lost: the connector is then opened again, with
growing pauses, where it was. Failure, with a sentence for people, ends it. `print` writes to
standard error; standard input is empty.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, NoReturn, Optional, TypeVar

__all__ = ["Failure", "Input", "Lost", "Output", "need", "run_input", "run_output", "secret"]

Value = TypeVar("Value")

_CURSOR = re.compile(r"[!-~]{1,120}")
_NO_CURSOR = "-"
_READ_BYTES = 1 << 16
_WAIT_S = 0.25  # how long a read may wait: committed cursors wait as long
_IDLE_S, _IDLE_WAIT_S = 5.0, 1.0  # once nothing came for so long, and all is committed, a read waits longer
_TEND_S = 1.0  # how often a connector that waits for fanfold is tended
_BATCH_RECORDS, _BATCH_BYTES = 1000, 1 << 20
_PAUSE_S, _PAUSE_MAX_S = 0.1, 5.0
_STATUS_IO, _STATUS_OUTPUT_CLOSED = 4, 141


class Lost(Exception):
    """The server is away; what is at hand is tried again once it is back."""


class Failure(Exception):
    """A sentence for people: why the connector cannot go on."""


class Input:
    """What brings records. `open` and `read` are for you to write, the others where they are needed."""

    def open(self, start: Optional[str]) -> None:
        """Makes ready to send what comes after the cursor `start`; None: from the beginning."""
        raise NotImplementedError

    def read(self, wait_s: float) -> Optional[Sequence[tuple[Optional[str], bytes]]]:
        """The next records, each with its cursor: what came, or [] after about wait_s. None: the input is over.

        A cursor of None belongs together with the next one: fanfold has both records or neither.
        """
        raise NotImplementedError

    def commit(self, cursor: str) -> None:
        """All up to and including this cursor is safe; it may come again, and skips what it implies."""

    def tend(self) -> None:
        """About once a second while fanfold takes no more records: for heartbeats."""

    def close(self) -> None:
        """Before the end, and before it is opened again after Lost."""


class Output:
    """What stores records. `open` and `store` are for you to write, the others where they are needed."""

    def open(self, run: str, number: int) -> Optional[int]:
        """The number of the run's first record that is not durable there; None: there is no way to tell.

        fanfold knows that all before `number` are.
        """
        raise NotImplementedError

    def store(self, number: int, records: Sequence[bytes]) -> None:
        """Stores them; the first has this number. They are durable when it returns."""
        raise NotImplementedError

    def tend(self) -> None:
        """About once a second while no record comes: for heartbeats."""

    def close(self) -> None:
        """Before the end, and before it is opened again after Lost."""


def run_input(source: Input, patience_s: float = 60.0) -> NoReturn:
    """Serves fanfold until it closes standard input, or `source` is at its end."""
    _run(lambda link: _Feed(source, link, patience_s).run())


def run_output(target: Output, patience_s: float = 60.0) -> NoReturn:
    """Serves fanfold until it closes standard input; patience_s: how long a server may be away."""
    _run(lambda link: _Store(target, link, patience_s).run())


def need(module: str, package: str) -> Any:
    """Imports a module; where it is missing, says which of Debian's packages has it, and ends."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        _end_with(f"this needs the Python module {module}: install Debian's package {package}")


def secret(variable: str, path: Optional[str]) -> Optional[str]:
    """A password: the first line of a file, else what the environment has; the command line is for all to read."""
    if path is None:
        return os.environ.get(variable)
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().rstrip("\r\n")
    except (OSError, ValueError) as error:
        _end_with(f"cannot read the password in {path}: {getattr(error, 'strerror', error)}")


# ---- running ----


def _run(serve: Callable[[_Link], None]) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is fanfold's, which then ends this
    try:
        serve(_Link())
        sys.exit(0)
    except BrokenPipeError:
        sys.exit(_STATUS_OUTPUT_CLOSED)
    except Failure as failure:
        _end_with(str(failure))


def _end_with(sentence: str) -> NoReturn:
    _say(sentence)
    sys.exit(_STATUS_IO)


def _say(sentence: str) -> None:
    print(f"{os.path.basename(sys.argv[0]) or 'connector'}: {sentence}", file=sys.stderr, flush=True)


def _patiently(attempt: Callable[[], Value], pause: Callable[[float], None], limit_s: float) -> Value:
    """Tries again what finds its server away: with growing pauses, and not for ever."""
    pause_s, since_s, said = _PAUSE_S, time.monotonic(), ""
    while True:
        try:
            value = attempt()
        except Lost as lost:
            if time.monotonic() - since_s >= limit_s:
                raise Failure(f"gave up after {limit_s:g} s: {lost}") from None
            if said != str(lost):
                said = str(lost)
                _say(f"waiting: {said}")
        else:
            if said:
                _say("connected again")
            return value
        pause(pause_s)
        pause_s = min(pause_s * 2, _PAUSE_MAX_S)


# ---- the two pipes ----


class _Link:
    """Takes standard input and output for itself; user code gets an empty input, and stderr."""

    def __init__(self) -> None:
        self.source, sink = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
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
            if self.poll(_TEND_S, read=tend is not None, write=True):
                assert self.sink is not None
                with contextlib.suppress(BlockingIOError):
                    view = view[os.write(self.sink, view[: self.piece]) :]
            if tend and (b"\n" in self.buffer or time.monotonic() - tended_s >= _TEND_S):
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
        """Raises _Ended as soon as fanfold closes standard input."""
        until_s = time.monotonic() + pause_s
        while not self.ended and (left_s := until_s - time.monotonic()) > 0:
            self.poll(left_s)
        if self.ended:
            raise _Ended


class _Ended(Exception):
    """fanfold has closed standard input."""


# ---- in ----


class _Feed:
    """Between an Input and fanfold.

    `sent` is the cursor of the last record that fanfold was sent, `committed` the last one that fanfold named, and
    `told` the last one that the source acknowledged since it was opened.
    """

    def __init__(self, source: Input, link: _Link, patience_s: float) -> None:
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
        except _Ended:
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

        _patiently(attempt, pause, self.patience_s)
        self.lost, self.told = None, self.committed

    def turn(self) -> bool:
        """Commits, reads and sends; False at the end of the input."""
        batch: Optional[Sequence[tuple[Optional[str], bytes]]] = []
        self.listen()
        if self.link.ended:
            raise _Ended
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
            raise _Ended
        self.try_to(self.tell)
        self.try_to(self.source.tend)

    def open_again(self, pause: Callable[[float], None]) -> None:
        _say(f"lost: {self.lost}")
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
            self.link.poll(_TEND_S)
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


# ---- out ----


class _Head(NamedTuple):
    number: int
    length: int


class _Store:
    """Between fanfold and an Output: `number` is that of the next record."""

    def __init__(self, target: Output, link: _Link, patience_s: float) -> None:
        self.target, self.link, self.patience_s = target, link, patience_s
        self.name = ""
        self.number = 0
        self.head: Optional[_Head] = None  # of a record whose bytes are not all here

    def run(self) -> None:
        line = self.link.first_line()
        if line is None:
            return
        found = re.fullmatch(r"run ([0-9a-zA-Z_-]+) ([0-9]+)", line)
        if not found:
            raise Failure(f"fanfold began with {line!r}, not with run, its id and a number: is this a connector of -o?")
        self.name, self.number = found[1], int(found[2])
        have = self.patiently(self.open)
        self.number = self.number if have is None else have
        self.say("have -" if have is None else f"have {have}")
        while (records := self.take()) is not None:
            if records:
                self.store(records)
                self.say(f"stored {self.number - 1}")
            else:
                self.tend()
        self.target.close()

    def patiently(self, attempt: Callable[[], Value]) -> Value:
        return _patiently(attempt, self.link.pause, self.patience_s)

    def open(self) -> Optional[int]:
        try:
            return self.target.open(self.name, self.number)
        except Lost:
            self.target.close()
            raise

    def say(self, line: str) -> None:
        self.link.send(f"{line}\n".encode())

    def take(self) -> Optional[list[bytes]]:
        """The records at hand, some at most; [] where none came for a while; None: fanfold is through."""
        records = self.parse()
        while not records and not self.link.ended:
            before = len(self.link.buffer)
            self.link.poll(_TEND_S)
            if len(self.link.buffer) == before:
                break
            records = self.parse()
        if not records and self.link.ended:
            if self.link.buffer or self.head:
                raise Failure("fanfold ended in the middle of a record")
            return None
        return records

    def parse(self) -> list[bytes]:
        records: list[bytes] = []
        buffer, at, size = self.link.buffer, 0, 0
        while len(records) < _BATCH_RECORDS and size < _BATCH_BYTES:
            if not self.head:
                end = buffer.find(b"\n", at)
                if end < 0:
                    break
                self.head = _head_of(bytes(buffer[at:end]), self.number + len(records))
                at = end + 1
            if len(buffer) - at < self.head.length:
                break
            records.append(bytes(buffer[at : at + self.head.length]))
            at += self.head.length
            size += self.head.length
            self.head = None
        del buffer[:at]
        return records

    def store(self, records: Sequence[bytes]) -> None:
        """Until they are stored; the server may be away for a while."""
        end = self.number + len(records)
        left, is_open = records, True

        def attempt() -> None:
            nonlocal left, is_open
            if not is_open:
                left = records[self.reopened() - self.number :]
                is_open = True
            try:
                if left:
                    self.target.store(end - len(left), left)
            except Lost:
                is_open = False
                self.target.close()
                raise

        self.patiently(attempt)
        self.number = end

    def reopened(self) -> int:
        """Opens it again; the number of the first record that it lacks."""
        have = self.open()
        if have is not None and have < self.number:
            raise Failure(f"records {have} to {self.number - 1} were stored, and are not there any more")
        return self.number if have is None else have

    def tend(self) -> None:
        try:
            self.target.tend()
        except Lost as lost:
            _say(f"lost: {lost}")
            self.target.close()
            self.patiently(self.reopened)


def _head_of(line: bytes, expected: int) -> _Head:
    found = re.fullmatch(rb"([0-9]+) ([0-9]+)", line)
    if not found:
        raise Failure(f"fanfold said {line[:60]!r}, which is not of CONNECTOR/1")
    head = _Head(int(found[1]), int(found[2]))
    if head.number != expected:
        raise Failure(f"fanfold sent record {head.number}, where record {expected} was next")
    return head
