# SPDX-License-Identifier: MIT
"""Sentences for people, and attempts that are made again while a server is away."""

from __future__ import annotations

import os
import sys
import time
from typing import Callable, NoReturn, TypeVar

from ._ends import Failure, Lost

Value = TypeVar("Value")

_PAUSE_S, _PAUSE_MAX_S = 0.1, 5.0
_STATUS_USAGE, _STATUS_IO = 2, 4


def end_with(sentence: str) -> NoReturn:
    """Another start may find what this one lacked, such as a server that was away."""
    say(sentence)
    sys.exit(_STATUS_IO)


def misuse(sentence: str) -> NoReturn:
    """Ends for good: it cannot work as it is called, and fanfold does not start it again."""
    say(sentence)
    sys.exit(_STATUS_USAGE)


def say(sentence: str) -> None:
    print(f"{os.path.basename(sys.argv[0]) or 'connector'}: {sentence}", file=sys.stderr, flush=True)


def patiently(attempt: Callable[[], Value], pause: Callable[[float], None], limit_s: float) -> Value:
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
                say(f"waiting: {said}")
        else:
            if said:
                say("connected again")
            return value
        pause(pause_s)
        pause_s = min(pause_s * 2, _PAUSE_MAX_S)
