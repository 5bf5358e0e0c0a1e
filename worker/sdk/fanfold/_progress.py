# SPDX-License-Identifier: MIT
"""Progress of a mapping, for a person or a function."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from typing import Any, Callable, Optional, TypeVar, Union

Value = TypeVar("Value")
Progress = Union[bool, Callable[[int, Optional[int]], Any]]

_PERIOD_S = 0.1
_ESTIMATE_S = 1.0  # before that, starting the processes counts for too much


def total_of(iterable: Iterable[Any]) -> Optional[int]:
    """None: nobody knows before it ends."""
    try:
        return len(iterable)  # type: ignore[arg-type]
    except TypeError:
        return None


def text(done: int, total: Optional[int], elapsed: float) -> str:
    rate = done / elapsed if elapsed > 0 else 0.0
    if total is not None:
        line = f"{done} of {total} values"
    else:
        line = f"{done} value{'s' if done != 1 else ''}"
    line += f", {rate:.0f}/s" if rate >= 10 else f", {rate:.2g}/s"
    if total is not None and elapsed >= _ESTIMATE_S and done < total:
        left = round((total - done) / rate)
        line += f", {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
    return line


class _Line:
    """One line on standard error, written over."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._width = 0

    def __call__(self, done: int, total: Optional[int]) -> None:
        line = text(done, total, time.monotonic() - self._began)
        sys.stderr.write(f"\r{line:{self._width}}")
        sys.stderr.flush()
        self._width = len(line)

    def close(self) -> None:
        if self._width:
            sys.stderr.write("\n")
            sys.stderr.flush()


def watched(values: Generator[Value, None, None], total: Optional[int], progress: Progress) -> Iterator[Value]:
    """The same values; tells of them ten times a second, and at the end."""
    line = None if callable(progress) else _Line()
    tell: Callable[[int, Optional[int]], Any] = line or progress  # type: ignore[assignment]
    done, told, due = 0, -1, time.monotonic() + _PERIOD_S
    with contextlib.closing(values), contextlib.closing(line) if line else contextlib.nullcontext():
        for value in values:
            done += 1
            if time.monotonic() >= due:
                tell(done, total)
                told, due = done, time.monotonic() + _PERIOD_S
            yield value
        if told != done:
            tell(done, total)
