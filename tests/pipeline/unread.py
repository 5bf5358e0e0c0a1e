# SPDX-License-Identifier: MIT
"""A standard error that is a pipe, which the test reads when it likes to."""

import os
import re
import select

from harness import wait_for

PIECE = 64 << 10


class Pipe:
    """A FIFO; `read()` is what came so far, in all."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path
        self.reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)  # to look whether it is full
        self.text = b""

    def is_full(self):
        return not select.select([], [self.writer], [], 0)[1]

    def wait_full(self):
        wait_for(self.is_full, "standard error to be full")

    def has_more(self):
        return bool(select.select([self.reader], [], [], 0)[0])

    def read(self):
        try:
            self.text += os.read(self.reader, PIECE)
        except BlockingIOError:
            pass
        return self.text

    def read_to_the_end(self, run, slowly=False):
        """All, until the run has ended; slowly: a piece, when the programs have to wait."""
        while run.running():
            if slowly:
                wait_for(lambda: self.is_full() or not run.running(), "standard error to be full", 60)
            else:
                wait_for(lambda: self.has_more() or not run.running(), "more lines", 60)
            self.read()
        while self.has_more():
            self.read()
        return self.text.decode()

    def close(self):
        os.close(self.reader)
        os.close(self.writer)


def start(case, *words, stdin=b"", **more):
    """fanfold with such a standard error."""
    pipe = Pipe(case.path("stderr"))
    script = f'exec fanfold --quiet "$@" 2> {pipe.path}'
    return case.start("bash", "-c", script, "bash", *words, stdin=stdin, **more), pipe


def numbers(text):
    """{seq: [the numbers that were printed]}, of programs that print what seq(1) does."""
    found = {}
    for seq, number in re.findall(r"^\[slot \d+ seq (\d+)\] (\d+)$", text, re.M):
        found.setdefault(int(seq), []).append(int(number))
    return found


def left_out(text):
    """How many lines the notices say were left out."""
    return sum(map(int, re.findall(r"^.*fanfold-worker: left out (?:the last )?(\d+) line", text, re.M)))
