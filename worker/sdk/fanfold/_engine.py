# SPDX-License-Identifier: MIT
"""Tasks to workers and their answers back: what fanfold.map and fanfold.Executor stand on.

Two kinds of workers: forks of this process (_template.py), which speak pickle, and `python3 -m fanfold.calls` on any
host, which speaks msgpack unless both sides said --pickle.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Sequence
from typing import Any, Callable, NamedTuple, Optional, Union

from . import _library, _pickles, _relay, _template, _work

RunError = _library.RunError
_STDERR = 2


class Settings(NamedTuple):
    slots: int
    retries: int
    timeout: Optional[float]  # of a task
    unordered: bool
    hosts: Optional[str] = None
    tasks: Optional[str] = None
    pickle: bool = False  # for workers that are no forks
    options: tuple[str, ...] = ()


class Answered(NamedTuple):
    """What a task has given, or why it has failed for good."""

    seq: int
    values: list[Any]
    errors: dict[int, str]
    elapsed: float
    size: int = 0  # bytes that came for it, those in shared memory included
    failure: Optional[_library.Failure] = None


def _options(settings: Settings) -> list[str]:
    options = list(settings.options)
    if settings.timeout is not None:
        options.append(f"--timeout={max(1, round(settings.timeout * 1000))}ms")
    return options


def _check_answer(values: Any, errors: Any, stop_at_error: bool, items: int) -> None:
    """A worker of another version, or none of ours, may answer what would be taken for fewer results."""
    if not isinstance(values, list) or not isinstance(errors, dict):
        raise ValueError("the worker's answer is no list of values with their errors: is it of another version?")
    whole = not any(index < 0 for index in errors)  # else the error is of all of them
    stopped = stop_at_error and errors
    if whole and (len(values) > items or (len(values) < items and not stopped)):
        raise ValueError(f"the worker has answered {len(values)} values to {items} items: is it of another version?")
    if whole and any(index >= len(values) for index in errors):
        raise ValueError("the worker's answer has an error of an item that it was not given: is it of another version?")


class Engine:
    """`poll_fds` are what to wait for; then call `take` until it gives nothing."""

    def __init__(self, run: _library.Run) -> None:
        self._run = run
        self.poll_fds = [run.fd]
        self.last_size = 0  # bytes of the last task that was pushed, those in shared memory included
        self._asked: dict[int, tuple[bool, int]] = {}  # of each task: as `push` was told

    def push(self, stop_at_error: bool, items: list[Any]) -> Optional[int]:
        """The task's number; None: the run is full."""
        raise NotImplementedError

    def take(self) -> Iterator[Answered]:
        while True:
            result = self._run.take()
            if result is None:
                return
            seq, what = result
            if isinstance(what, _library.Failure):
                yield Answered(seq, [], {}, 0.0, 0, what)
            else:
                yield Answered(seq, *self._read(seq, what), self._size_of(what))
            del result, what
            self._asked.pop(seq, None)
            self._done(seq)

    def _read(self, seq: int, data: memoryview) -> tuple[list[Any], dict[int, str], float]:
        try:
            values, errors, elapsed = self._unpack(data)
            _check_answer(values, errors, *self._asked[seq])
            return values, errors, elapsed
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # of a value that does not let itself be read
            return [error], {_work.UNREADABLE: _work.describe(error)}, 0.0

    def _unpack(self, data: memoryview) -> tuple[list[Any], dict[int, str], float]:
        raise NotImplementedError

    def _size_of(self, data: Union[bytes, memoryview]) -> int:
        return len(data)

    def _done(self, seq: int) -> None:
        pass

    @property
    def ended(self) -> bool:
        return self._run.ended

    def finish(self) -> None:
        self._run.finish()

    def close(self) -> None:
        self._run.close()

    def _push(self, data: bytes, stop_at_error: bool, items: int) -> Optional[int]:
        seq = self._run.pushed
        self.last_size = self._size_of(data)
        if not self._run.push(data):
            return None
        self._asked[seq] = stop_at_error, items
        return seq


class LocalEngine(Engine):
    """Forks of this process do the work."""

    def __init__(
        self,
        call: Callable[..., Any],
        prepare: Optional[Callable[[], Any]],
        settings: Settings,
        begin: Optional[Callable[[], Any]] = None,
    ) -> None:
        self._template = _template.Template(call, prepare, begin)
        try:
            run = _library.Run(
                _relay.command(self._template.name),
                slots=settings.slots,
                retries=settings.retries,
                unordered=settings.unordered,
                options=_options(settings),
            )
        except BaseException:
            self._template.close()
            raise
        super().__init__(run)
        self._files: dict[int, _pickles.SharedFiles] = {}
        self.poll_fds = [run.fd, self._template.fd, self._template.files_fd]

    def push(self, stop_at_error: bool, items: list[Any]) -> Optional[int]:
        data, files = _pickles.pack_task((stop_at_error, items))
        try:
            seq = self._push(data, stop_at_error, len(items))
        except BaseException:
            files.close()
            raise
        if seq is None:
            files.close()
        elif files.fds:
            self._files[seq] = files
        return seq

    def take(self) -> Iterator[Answered]:
        self._template.check()
        self._template.files.receive()
        return super().take()

    def _unpack(self, data: memoryview) -> tuple[list[Any], dict[int, str], float]:
        answer: tuple[list[Any], dict[int, str], float] = self._template.files.unpack(data)
        return answer

    def _size_of(self, data: Union[bytes, memoryview]) -> int:
        return _pickles.size_of(data)

    def _done(self, seq: int) -> None:
        files = self._files.pop(seq, None)
        if files:
            files.close()

    def close(self) -> None:
        super().close()
        self._template.close()
        for files in self._files.values():
            files.close()
        self._files.clear()


def pack_remote(value: Any, with_pickle: bool) -> bytes:
    if with_pickle:
        return _pickles.pickle.dumps(value, protocol=5)
    from . import _msgpack

    return _msgpack.packb(value)


def unpack_remote(data: Union[bytes, memoryview], with_pickle: bool) -> Any:
    if with_pickle:
        return _pickles.pickle.loads(data)
    from . import _msgpack

    return _msgpack.unpackb(data)


class RemoteEngine(Engine):
    """Workers run `python3 -m fanfold.calls MODULE:FUNCTION`."""

    def __init__(self, function: str, settings: Settings, python: Sequence[str] = ("python3",)) -> None:
        self._pickle = settings.pickle
        command = [*python, "-m", "fanfold.calls", *(["--pickle"] if settings.pickle else []), function]
        super().__init__(
            _library.Run(
                command,
                slots=settings.slots,
                retries=settings.retries,
                unordered=settings.unordered,
                hosts=settings.hosts,
                tasks=settings.tasks,
                options=_options(settings),
                stderr=_STDERR,
            )
        )

    def push(self, stop_at_error: bool, items: list[Any]) -> Optional[int]:
        return self._push(pack_remote([stop_at_error, items], self._pickle), stop_at_error, len(items))

    def _unpack(self, data: memoryview) -> tuple[list[Any], dict[int, str], float]:
        values, errors, elapsed = unpack_remote(data, self._pickle)
        if not self._pickle:
            for index, text in errors.items():
                if 0 <= index < len(values):
                    values[index] = _work.rebuild(values[index])
        return values, errors, elapsed


class Waiter:
    """Sleeps until an engine has something, or another descriptor has."""

    def __init__(self, engine: Engine, *others: int) -> None:
        self._poll = select.poll()
        for fd in (*engine.poll_fds, *others):
            self._poll.register(fd, select.POLLIN)

    def wait(self, timeout_s: Optional[float] = None) -> None:
        self._poll.poll(None if timeout_s is None else timeout_s * 1000)


def lost(failure: _library.Failure) -> BaseException:
    """What the caller raises for a task that has failed for good."""
    often = f", {failure.attempts} times" if failure.attempts > 1 else ""
    text = f": {failure.text}" if failure.text else ""
    if failure.reason == "time limit":
        said_by_us = failure.text.startswith("ran longer than ")  # and not by what it ran
        return TimeoutError(f"it {failure.text}{often}" if said_by_us else f"it ran longer than the time limit{often}{text}")
    return _work.WorkerLost(failure.reason + often + text)
