# SPDX-License-Identifier: MIT
"""fanfold.map: a function on the items of an iterable, by processes of this host or of others."""

from __future__ import annotations

import builtins
import collections
import itertools
import operator
import os
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, Callable, Optional, TypeVar, Union

from . import _engine, _progress, _work

Item = TypeVar("Item")
Value = TypeVar("Value")

# Of work in a chunk: so much that what a task costs counts for little, so little that results flow. A long run has larger
# ones: they are a hundredth of the time that it has taken, so that no process waits longer than that for the last one.
_CHUNK_S, _CHUNK_S_MOST = 0.02, 0.1
_CHUNK_SHARE = 0.01
_CHUNK_MOST = 1 << 16
_GROWTH = 4  # times the largest chunk that is known, at most: one fast item says little of a thousand
_LEAST_PART = 16  # of a chunk: the last ones are smaller, so that all processes end together
_CHUNK_BYTES = 1 << 20
_REMOTE_MOST = 4096  # tasks that are out: as many as the window of a run
_AHEAD_BYTES = 64 << 20  # of items and values that are held here: with more, each process has what it works on, and one
_FILL_S = 0.02  # how long a slow iterable may hold up a chunk, or values that have come
_BLOCK = 64  # items between two looks at the clock
_ON_ERROR = ("raise", "return", "skip")


def slots_here(jobs: Optional[int]) -> int:
    if jobs is None:
        return len(os.sched_getaffinity(0))
    if isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= 65535:
        raise ValueError(f"jobs: expected a number from 1 to 65535, not {jobs!r}")
    return jobs


def map(
    fn: Union[Callable[..., Value], str],
    iterable: Iterable[Item],
    *,
    jobs: Optional[int] = None,
    chunksize: Union[int, str] = "auto",
    prepare: Optional[Callable[[], Any]] = None,
    buffer: Optional[int] = None,
    retries: int = 3,
    timeout: Optional[float] = None,
    on_error: str = "raise",
    unordered: bool = False,
    hosts: Union[str, Sequence[str], None] = None,
    tasks: Optional[str] = None,
    pickle: bool = False,
    progress: _progress.Progress = False,
    options: Sequence[str] = (),
) -> Iterator[Value]:
    """`fn(item)` for each item, by `jobs` processes: a generator of the values, in the order of the items.

    The processes are forks of this one, made when the first value is asked for, so `fn` may be a closure. They end
    when the generator does: with the last value, an exception, `close()`, or Ctrl-C.

    jobs       processes; the default is the number of processors
    chunksize  items that travel together; "auto" finds it, for 20 ms of work, up to 100 ms in a long run
    prepare    runs once, before the first item; then `fn(item, state)` has what it returned, in shared memory
    buffer     at most so many items are read ahead of the value that is asked for; by default a few chunks a process, and
               two with more than 64 MiB
    retries    attempts that an item has, if its process is killed or runs into the time limit; then WorkerLost
    timeout    seconds that an item may take at each attempt; then TimeoutError. It makes chunksize 1 by default
    on_error   "raise" what `fn` raises, "return" the exception in place of the value, or "skip" the item
    unordered  give values as they come
    hosts      work there, by ssh (-S of fanfold(1)); `fn` is then "module:function", found by the workers
    tasks      where other workers may join, such as "tcp://*": --tasks of fanfold(1). They need the run's keys: give
               options=("--keys", DIR) here and --keys DIR to each fanfold-worker (or --insecure to both)
    pickle     with hosts or tasks: any object may travel, and not only what msgpack knows; a worker that is not
               started from here must say --pickle too
    progress   True: a line on standard error says how many values there are, how fast they come, and how long the rest
               takes if len(iterable) is known; or a function, called with the number of values and of items, or None,
               ten times a second and at the end
    options    more options of fanfold(1)
    """
    slots = slots_here(jobs)
    if on_error not in _ON_ERROR:
        raise ValueError(f"on_error: expected one of {', '.join(_ON_ERROR)}, not {on_error!r}")
    if chunksize != "auto" and (not isinstance(chunksize, int) or chunksize < 1):
        raise ValueError(f'chunksize: expected "auto" or a number from 1, not {chunksize!r}')
    if buffer is not None and buffer < 1:
        raise ValueError(f"buffer: expected a number from 1, not {buffer!r}")
    if timeout is not None and timeout <= 0:
        raise ValueError(f"timeout: expected seconds, not {timeout!r}")
    if not isinstance(retries, int) or retries < 1:
        raise ValueError(f"retries: expected a number of attempts from 1, not {retries!r}")
    if chunksize == "auto" and timeout is not None:
        chunksize = 1
    if not isinstance(hosts, (str, type(None))):
        hosts = ",".join(hosts)
    remote = hosts is not None or tasks is not None
    if remote and prepare is not None:
        raise ValueError("prepare: workers on other hosts prepare when they import the module")
    if pickle and any(option.startswith("--ins") for option in options):
        raise ValueError("pickle: refused with --insecure: anyone who reaches the port could run code here")
    settings = _engine.Settings(
        # On other hosts each has the slots that its processors make.
        slots=0 if remote and jobs is None else slots,
        retries=retries,
        timeout=None if timeout is None else timeout * (chunksize if isinstance(chunksize, int) else 1),
        unordered=unordered,
        hosts=hosts,
        tasks=tasks,
        pickle=pickle,
        options=tuple(options),
    )
    open_engine: Callable[[], _engine.Engine]
    if remote:
        name = fn if isinstance(fn, str) else _name_of(fn)
        open_engine = lambda: _engine.RemoteEngine(name, settings)  # noqa: E731
    elif callable(fn):
        call = fn
        open_engine = lambda: _engine.LocalEngine(call, prepare, settings)  # noqa: E731
    else:
        raise TypeError(f"fn: expected a callable, not {fn!r}; a name needs hosts or tasks")
    # Two a slot run or wait at it, two more are on their way. How many slots other hosts have, nobody knows here.
    most, most_of_large = (_REMOTE_MOST, _REMOTE_MOST) if remote else (4 * slots + 2, 2 * slots)
    values = _Mapping(open_engine, iter(iterable), slots, most, most_of_large, chunksize, buffer, on_error, unordered).values()
    return _progress.watched(values, _progress.total_of(iterable), progress) if progress else values


def _name_of(fn: Callable[..., Any]) -> str:
    module, name = getattr(fn, "__module__", None), getattr(fn, "__qualname__", None)
    if not module or module == "__main__" or not name or "<" in name:
        raise ValueError(f'fn: workers on other hosts need a function of a module, or "module:function", not {fn!r}')
    return f"{module}:{name}"


class _Batch:
    """A run of items that travel together, and what they have given."""

    __slots__ = ("done", "failed", "items", "parts", "size", "values")

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.size = 0  # bytes of its items, once pushed, then of its values
        self.values: list[Any] = []  # to give
        self.done = False  # `values` are all there
        self.failed = False  # some of `values` are _Raised
        self.parts: Optional[list[_Batch]] = None  # of one that failed as a whole: each item by itself


class _Raised:
    """An exception in the place of a value."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Chunks:
    """Cuts the items into batches, each of about as much work."""

    def __init__(self, source: Iterator[Any], chunksize: Union[int, str], most: int, slots: int) -> None:
        self._source = source
        self._slots = slots
        self._fixed = chunksize != "auto"
        self.size = int(chunksize) if self._fixed else 1
        self._most = most
        self._began: Optional[float] = None
        self.ended = False

    def _next_size(self) -> int:
        size = min(self.size, self._most)
        if self._fixed or size == 1:
            return size
        left = operator.length_hint(self._source)
        return min(size, max(left // (2 * self._slots), size // _LEAST_PART, 1)) if left > 0 else size

    def next(self) -> Optional[list[Any]]:
        size = self._next_size()
        items: list[Any] = []
        began = time.monotonic()
        while len(items) < size:
            wanted = min(_BLOCK, size - len(items)) if not self._fixed else size
            before = len(items)
            items += itertools.islice(self._source, wanted)
            if len(items) < before + wanted:
                self.ended = True
                break
            if not self._fixed and time.monotonic() - began > _FILL_S:
                break
        return items or None

    def learn(self, items: int, elapsed: float, size: int) -> None:
        """What a batch of so many items took: seconds, and bytes on the longer way."""
        if self._fixed or not items:
            return
        now = time.monotonic()
        self._began = began = self._began or now
        work = min(max(_CHUNK_S, (now - began) * _CHUNK_SHARE), _CHUNK_S_MOST)
        fit = int(work * items / elapsed) if elapsed > 0 else _CHUNK_MOST
        fit = min(fit, _CHUNK_BYTES * items // max(1, size))
        self.size = max(1, min(fit, _GROWTH * max(items, self.size // _GROWTH), _CHUNK_MOST))


class _Mapping:
    def __init__(
        self,
        open_engine: Callable[[], _engine.Engine],
        source: Iterator[Any],
        slots: int,
        most: int,
        most_of_large: int,
        chunksize: Union[int, str],
        buffer: Optional[int],
        on_error: str,
        unordered: bool,
    ) -> None:
        self._open = open_engine
        self._on_error, self._unordered = on_error, unordered
        self._most, self._most_of_large = most, most_of_large
        self._buffer = buffer
        self._chunks = _Chunks(source, chunksize, _CHUNK_MOST if buffer is None else max(1, buffer // (2 * slots)), slots)
        self._order: collections.deque[_Batch] = collections.deque()  # not given yet
        self._running: dict[int, _Batch] = {}  # by task
        self._again: collections.deque[_Batch] = collections.deque()  # parts to push
        self._ahead = 0  # items read and not given
        self._bytes = 0  # of these and their values
        self._waiting: Optional[_Batch] = None  # which did not fit

    def values(self) -> Generator[Any, None, None]:
        """A generator: whatever ends it, ends the run."""
        engine = self._open()
        try:
            waiter = _engine.Waiter(engine)
            finished = False
            while not engine.ended:
                self._fill(engine)
                for answered in engine.take():
                    self._settle(answered)
                finishing = self._is_over() and not finished
                if finishing:  # now, so that the run ends while the caller has the last values
                    finished = True
                    engine.finish()
                for batch in self._ready():
                    self._ahead -= len(batch.values)
                    self._bytes -= batch.size
                    if batch.failed:
                        yield from self._judge(batch.values)
                    else:
                        yield from batch.values
                if not (finishing or engine.ended) and (self._waiting or not self._has_room()):
                    waiter.wait()
        finally:
            engine.close()
            self._chunks = None  # type: ignore[assignment]

    # -- what goes out --

    def _has_room(self) -> bool:
        most = self._most if self._bytes < _AHEAD_BYTES else self._most_of_large
        if self._chunks.ended or len(self._order) >= most:
            return bool(self._again)
        return self._buffer is None or self._ahead < self._buffer

    def _is_over(self) -> bool:
        return self._chunks.ended and not (self._running or self._again or self._waiting)

    def _fill(self, engine: _engine.Engine) -> None:
        """Pushes until nothing fits, or nothing is there, or it has taken long."""
        began = time.monotonic()
        while batch := self._waiting or self._next():
            seq = engine.push(self._on_error == "raise", batch.items)
            self._waiting = batch if seq is None else None
            if seq is None:
                return
            batch.size = engine.last_size
            self._bytes += batch.size
            self._running[seq] = batch
            if time.monotonic() - began > _FILL_S:
                return

    def _next(self) -> Optional[_Batch]:
        if self._again:
            return self._again.popleft()
        if self._chunks.ended or not self._has_room():
            return None
        items = self._chunks.next()
        if items is None:
            return None
        self._ahead += len(items)
        batch = _Batch(items)
        self._order.append(batch)
        return batch

    # -- what comes back --

    def _settle(self, answered: _engine.Answered) -> None:
        batch = self._running.pop(answered.seq)
        self._bytes += answered.size - batch.size
        sizes, batch.size = max(batch.size, answered.size), answered.size
        if answered.failure and len(batch.items) > 1:
            # Which of them it was is found by trying each alone.
            batch.parts = [_Batch([item]) for item in batch.items]
            self._again.extend(batch.parts)
            return
        batch.done = True
        batch.failed = bool(answered.failure or answered.errors)
        if answered.failure:
            batch.values = [_Raised(_engine.lost(answered.failure))]
        else:
            batch.values = self._with_errors(answered, len(batch.items))
            self._chunks.learn(len(batch.items), answered.elapsed, sizes)
        batch.items = []

    def _with_errors(self, answered: _engine.Answered, items: int) -> list[Any]:
        values, errors = answered.values, answered.errors
        if _work.UNREADABLE in errors:
            error = _work.unpack_error(values[0], errors[_work.UNREADABLE])
            return [_Raised(error) for _ in range(items)]
        for index, text in errors.items():
            values[index] = _Raised(_work.unpack_error(values[index], text))
        return values

    def _ready(self) -> list[_Batch]:
        """Those whose turn it is."""
        order = self._order
        done = []
        if self._unordered:
            done = [batch for batch in order if _is_done(batch)]
            for batch in done:
                order.remove(batch)
        while order and _is_done(order[0]):
            done.append(order.popleft())
        return [leaf for batch in done for leaf in batch.parts or (batch,)]

    def _judge(self, values: list[Any]) -> Iterator[Any]:
        for value in values:
            if value.__class__ is not _Raised:
                yield value
            elif self._on_error == "raise":
                raise value.error
            elif self._on_error == "return":
                yield value.error


def _is_done(batch: _Batch) -> bool:
    if batch.parts is not None:
        return all(builtins.map(_is_done, batch.parts))
    return batch.done
