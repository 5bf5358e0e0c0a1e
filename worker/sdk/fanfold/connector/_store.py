# SPDX-License-Identifier: MIT
"""CONNECTOR/1 of an output: records from fanfold, and the numbers of those that are stored back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

from ._ends import Failure, Lost, Output
from ._patience import Value, patiently, say
from ._pipes import TEND_S, Link

_BATCH_RECORDS, _BATCH_BYTES = 1000, 1 << 20


class _Head(NamedTuple):
    number: int
    length: int


class Store:
    """Between fanfold and an Output: `number` is that of the next record."""

    def __init__(self, target: Output, link: Link, patience_s: float) -> None:
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
        return patiently(attempt, self.link.pause, self.patience_s)

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
            self.link.poll(TEND_S)
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
            say(f"lost: {lost}")
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
