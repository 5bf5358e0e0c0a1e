# SPDX-License-Identifier: MIT
"""Where foreign_worker.py runs the user's function: a process that takes one chunk after another.

The function may take its time, crash and be killed, while the worker goes on saying PING.
"""

from __future__ import annotations

import multiprocessing
import select
import signal
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

# Chunk in, result out; what a function raises fails the chunk.
WORK: dict[str, Callable[[bytes], bytes]] = {"cat": bytes, "upper": bytes.upper}

# Forks from a process that has no ZeroMQ in it.
PROCESSES = multiprocessing.get_context("forkserver")


class Crashed(Exception):
    """The slot's process is gone; the signal's number, or the status, is in `args`."""


class Failed(Exception):
    """The function raised; what it said is in `args`."""


def linger(seconds: float) -> None:
    """Work that takes its time."""
    select.select([], [], [], max(0.0, seconds))


def serve(pipe: Connection, work: str, at_least_s: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        chunk, began = pipe.recv(), time.monotonic()
        try:
            answer = (True, WORK[work](chunk))
        except Exception:  # pylint: disable=broad-except
            answer = (False, traceback.format_exc().encode())
        linger(began + at_least_s - time.monotonic())
        pipe.send(answer)


class Slot:
    """At most one chunk at a time; `fileno()` is readable when it is done."""

    def __init__(self, work: str, at_least_s: float) -> None:
        self.work = (work, at_least_s)
        self.open()

    def open(self) -> None:
        self.pipe, theirs = PROCESSES.Pipe()
        self.process = PROCESSES.Process(target=serve, args=(theirs, *self.work), daemon=True)
        self.process.start()
        theirs.close()

    def fileno(self) -> int:
        return self.pipe.fileno()

    def start(self, chunk: bytes) -> None:
        self.pipe.send(chunk)

    def finish(self) -> bytes:
        """The result. A slot that crashed is replaced."""
        try:
            well, answer = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            code = self.process.exitcode
            self.open()
            raise Crashed(abs(code)) from None
        if not well:
            raise Failed(answer)
        return answer

    def kill(self) -> None:
        """Ends what runs, and is ready for the next."""
        self.process.kill()
        self.process.join()
        self.pipe.close()
        self.open()
