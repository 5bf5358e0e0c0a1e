# SPDX-License-Identifier: MIT
"""What a case is given: options, a directory, the input, fanfold's command line."""

import functools
import itertools
import os
from pathlib import Path

from harness import build_directory, make_text, program_path

from measure.contest import contest
from measure.peer import is_here, missing

PYTHON = "/usr/bin/python3"
CONTENDERS = Path(__file__).resolve().with_name("contender.py")
MIB = 1 << 20
ECHO = str(build_directory() / "worker/examples/echo.so")


@functools.cache
def lines_of(source):
    with open(source, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(MIB), b""))


# (unit, what to make of an input and the seconds that it took)
SECONDS = "s", lambda source, seconds: seconds
MILLISECONDS = "ms", lambda source, seconds: 1000 * seconds
MIB_A_SECOND = "MiB/s", lambda source, seconds: os.path.getsize(source) / MIB / seconds
LINES_A_SECOND = "lines/s", lambda source, seconds: lines_of(source) / seconds
TASKS_A_SECOND = "tasks/s", lambda source, seconds: lines_of(source) / seconds


class Bench:
    def __init__(self, directory, rounds, size_mib=None, most_workers=400):
        self.directory, self.rounds, self.size_mib = Path(directory), rounds, size_mib
        self.most_workers = most_workers
        self.target = self.directory / "out"

    def text(self, mib):
        """So many MiB of lines, or as many as --size says."""
        return make_text(int((self.size_mib or mib) * MIB))

    def fanfold(self, *words):
        return [program_path("fanfold"), "--quiet", "-j2", *map(str, words)]

    def python(self, way, *words):
        """One of the peers in Python, as a filter."""
        return [PYTHON, "-B", str(CONTENDERS), way, *map(str, words)]

    def head(self, source, lines):
        """A file of the first so many lines."""
        path = self.directory / f"head-{lines}"
        with open(source, "rb") as file, open(path, "wb") as head:
            head.writelines(itertools.islice(file, lines))
        return path

    def contest(self, outcome, contenders, source, rate, expected=None, target=None):
        """All contenders that are here, in turn."""
        unit, value_of = rate
        for text in missing(dict.fromkeys(peer for one in contenders for peer in one.needs)):
            outcome.remark(text)
        here = [one for one in contenders if all(map(is_here, one.needs))]
        for one, seconds in contest(here, source, target or self.target, expected or source, self.rounds):
            outcome.add(one.name, unit, value_of(one.source or source, seconds))
