# SPDX-License-Identifier: MIT
"""A task of fanfold.map and fanfold.Executor: some items in, as many values or exceptions out."""

from __future__ import annotations

import builtins
import itertools
import pickle
from collections.abc import Sequence
from typing import Any, Callable, Optional

FRAME_BYTES = 4  # the record's length stands before it
_TEXT_MAX = 1 << 16


class RemoteTraceback(Exception):
    """The traceback of an exception in a worker's process: the `__cause__` of what is raised here."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}"""'


class WorkerLost(RuntimeError):
    """The process that worked on an item was killed, or ended, at each attempt."""


class Answer:
    """What a task has given: values in the order of the items, of which `errors` names those that are exceptions."""

    __slots__ = ("elapsed", "errors", "values")

    def __init__(self, values: list[Any], errors: dict[int, str], elapsed: float = 0.0) -> None:
        self.values, self.errors, self.elapsed = values, errors, elapsed


def describe(error: BaseException, own: Sequence[str] = (__file__,)) -> str:
    """The traceback from user code on."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename in own:
        trace = trace.tb_next
    import traceback

    try:
        text = "".join(traceback.format_exception(type(error), error, trace))
    except Exception:  # its own __str__ fails
        text = f"{type(error).__name__}\n"
    return text[-_TEXT_MAX:]


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # its own __str__ fails
        return ""


def _named(name: str, text: str) -> RuntimeError:
    """In place of an exception that cannot travel."""
    return RuntimeError(f"{name}: {text}" if text else name)


def _portable(error: BaseException) -> BaseException:
    """The exception, or one like it that can be pickled and read again."""
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:
        return _named(type(error).__qualname__, _text_of(error))


def pickle_error(error: BaseException) -> bytes:
    return pickle.dumps((_portable(error), describe(error)))


UNREADABLE, BROKEN = -1, -2  # in place of an item's index: of all of them


def failed_at_once(error: BaseException) -> tuple[list[Any], dict[int, str], float]:
    """A task whose items cannot be read: each has the error."""
    return [_portable(error)], {UNREADABLE: describe(error)}, 0.0


def broken(error: BaseException) -> tuple[list[Any], dict[int, str], float]:
    """What a slot answers that could not begin."""
    return [_portable(error)], {BROKEN: describe(error)}, 0.0


def run(call: Callable[..., Any], state: tuple[Any, ...], task: tuple[bool, list[Any]]) -> Answer:
    """`call(item, *state)` for each item. An exception is a value; sys.exit() in `call` is one, too."""
    stop_at_error, items = task
    values: list[Any] = []
    errors: dict[int, str] = {}
    while len(values) < len(items):
        rest = items[len(values) :] if values else items
        try:
            # What came before an exception stays in the list.
            values.extend(map(call, rest, *(itertools.repeat(part) for part in state)))
            if len(values) < len(items):  # extend takes a StopIteration of `call` for the end
                raise StopIteration
        except BaseException as error:
            errors[len(values)] = describe(error)
            error.__traceback__ = None
            values.append(_portable(error))
            if stop_at_error:
                break
    return Answer(values, errors)


def pack(answer: Answer, dump: Callable[[Any], bytes], flat: bool = False) -> bytes:
    """A value that cannot be packed becomes an exception in its place; with `flat`, as `flatten` makes it."""
    try:
        return dump((answer.values, answer.errors, answer.elapsed))
    except BaseException:
        for index, value in enumerate(answer.values):
            try:
                dump(value)
            except BaseException as error:
                answer.errors[index] = describe(error)
                answer.values[index] = flatten(error) if flat else _portable(error)
        return dump((answer.values, answer.errors, answer.elapsed))


def unpack_error(error: BaseException, text: Optional[str]) -> BaseException:
    """As it is raised in the caller."""
    if text:
        error.__cause__ = RemoteTraceback(text)
    return error


# ---- without pickle ----
#
# An exception of the builtins, with its text; any other is told as a RuntimeError.


def flatten(error: BaseException) -> list[Any]:
    return [type(error).__name__, _text_of(error)]


def rebuild(flat: Sequence[str]) -> BaseException:
    name, text = flat
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(text)
        except Exception:
            pass
    return _named(name, text)
