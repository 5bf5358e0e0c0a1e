# SPDX-License-Identifier: MIT
"""Commands in turn, A B A B, so that all see the same machine on average; each output is compared."""

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness import assert_same


def sorted_lines(path):
    with open(path, "rb") as file:
        return sorted(file)


def same(target, expected):
    assert_same(target, expected)


def same_lines(target, expected):
    """In any order, for who keeps none."""
    assert sorted_lines(target) == sorted_lines(expected), f"{target} has other lines than {expected}"


@dataclass
class Contender:
    name: str
    command: list
    needs: tuple = ()  # names of peers
    source: object = None  # its standard input, and what it is to write; None: the contest's
    writes: bool = False  # the command names the target itself
    environment: dict = field(default_factory=dict)
    check: object = same


def timed(contender, source, target):
    """Seconds from its start to its end."""
    environment = {**os.environ, **contender.environment}
    for path in (target, f"{target}.fanfold"):
        Path(path).unlink(missing_ok=True)
    with open(source, "rb") as stdin, open(os.devnull if contender.writes else target, "wb") as stdout:
        began = time.monotonic()
        run = subprocess.run(contender.command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=environment, check=False)
        seconds = time.monotonic() - began
    if run.returncode != 0:
        raise SystemExit(f"{contender.name} ended with status {run.returncode}: {run.stderr.decode(errors='replace')[-2000:]}")
    return seconds


def contest(contenders, source, target, expected, rounds):
    """Yields (contender, seconds), round by round."""
    for _ in range(rounds):
        for one in contenders:
            seconds = timed(one, one.source or source, target)
            one.check(target, one.source or expected)
            yield one, seconds
