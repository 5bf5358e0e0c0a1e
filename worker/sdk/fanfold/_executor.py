# SPDX-License-Identifier: MIT
"""fanfold.Executor: a concurrent.futures.Executor whose processes are fanfold's.

A thread of this process moves calls to the run and results back. The processes are forks, made at the first
`submit`; functions and arguments are pickled, as by ProcessPoolExecutor, so a lambda or a function inside a function
is refused. A call whose process is killed is tried again; a call that kills its process at each attempt has
WorkerLost, and the executor continues.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools
import logging
import os
import threading
import traceback
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor as _Base, Future
from typing import Any, Callable, NamedTuple, Optional

from . import _engine, _map, _work

__all__ = ["BrokenExecutor", "Executor"]

_TOGETHER_S = 0.005  # of calls that travel together
_TOGETHER_MOST = 256


class _Call(NamedTuple):
    future: Future[Any]
    item: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


def _call(item: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]) -> Any:
    function, arguments, named = item
    return function(*arguments, **named)


def _call_all(function: Callable[..., Any], arguments: list[tuple[Any, ...]]) -> list[Any]:
    return [function(*some) for some in arguments]


class _State:
    """What the executor and its thread share, so that the thread does not keep the executor alive."""

    def __init__(self, slots: int) -> None:
        self.lock = threading.Lock()
        self.calls: collections.deque[_Call] = collections.deque()  # not handed out
        self.slots = slots
        self.begun = False  # the first calls are handed out
        self.shut = False
        self.broken: Optional[BaseException] = None
        self.wake_fd, self.waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def wake(self) -> None:
        with self.lock, contextlib.suppress(OSError):  # it has been woken, or has gone
            os.write(self.waker, b"w")


class Executor(_Base):
    """`max_workers` processes; `initializer(*initargs)` runs in each before its first call.

    retries    attempts that a call has if its process is killed
    timeout    seconds that a call may run; then its process is killed, and the future has TimeoutError
    options    more options of fanfold(1)
    """

    def __init__(
        self,
        max_workers: Optional[int] = None,
        *,
        initializer: Optional[Callable[..., Any]] = None,
        initargs: tuple[Any, ...] = (),
        retries: int = 3,
        timeout: Optional[float] = None,
        options: Iterable[str] = (),
    ) -> None:
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._max_workers = _map.slots_here(max_workers)
        self._begin = functools.partial(initializer, *initargs) if initializer else None
        self._settings = _engine.Settings(
            slots=self._max_workers, retries=retries, timeout=timeout, unordered=True, options=tuple(options)
        )
        self._state = _State(self._max_workers)
        self._thread: Optional[threading.Thread] = None
        self._owner = 0  # the process that has the thread; 0: none was started
        self._start_lock = threading.Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        state = self._state
        future: Future[Any] = Future()
        if self._is_foreign():  # before the locks, of which the fork may have a locked copy
            raise _engine.RunError(
                f"this process was forked from process {self._owner}, which started the executor: "
                "make an executor here"
            )
        with self._start_lock:
            with state.lock:
                if state.broken:
                    raise BrokenExecutor(str(state.broken)) from state.broken
                if state.shut:
                    raise RuntimeError("cannot schedule new futures after shutdown")
                if _exiting:
                    raise RuntimeError("cannot schedule new futures after interpreter shutdown")
            if self._thread is None:
                self._start()
            with state.lock:
                state.calls.append(_Call(future, (fn, args, kwargs)))
        state.wake()
        return future

    @property
    def _broken(self) -> bool:
        """As the executors of the library have it."""
        return self._state.broken is not None

    def _is_foreign(self) -> bool:
        """A fork has no thread that would serve it."""
        return self._owner not in (0, os.getpid())

    def _start(self) -> None:
        self._owner = os.getpid()
        engine = _engine.LocalEngine(_call, None, self._settings, self._begin)
        state = self._state
        # A collected executor ends as one that was shut down: what it was given is done.
        self._end = weakref.finalize(self, _shut, state)
        self._end.atexit = False
        self._thread = threading.Thread(target=_serve, args=(engine, state), name="fanfold.Executor", daemon=True)
        _threads[self._thread] = state
        self._thread.start()

    def map(
        self, fn: Callable[..., Any], *iterables: Iterable[Any], timeout: Optional[float] = None, chunksize: int = 1
    ) -> Iterator[Any]:
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if chunksize == 1:
            return super().map(fn, *iterables, timeout=timeout)
        return self._map_chunks(fn, zip(*iterables), timeout, chunksize)

    def _map_chunks(
        self, fn: Callable[..., Any], items: Iterator[tuple[Any, ...]], timeout: Optional[float], chunksize: int
    ) -> Iterator[Any]:
        chunks = iter(lambda: list(itertools.islice(items, chunksize)), [])
        results = super().map(functools.partial(_call_all, fn), chunks, timeout=timeout)
        return itertools.chain.from_iterable(results)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if self._is_foreign():  # the process that started it shuts it down
            return
        with self._start_lock:
            _shut(self._state, cancel_futures)
            thread, self._thread = self._thread, None
        if thread and wait:
            thread.join()


# ---- the end of the interpreter ----

_threads: weakref.WeakKeyDictionary[threading.Thread, _State] = weakref.WeakKeyDictionary()
_exiting = False


def _shut(state: _State, cancel: bool = False) -> None:
    cancelled = []
    with state.lock:
        state.shut = True
        if cancel:
            # What the processes would have had by now, had the thread had its turn, is theirs.
            begun = 0 if state.begun else state.slots
            cancelled = [state.calls.pop() for _ in range(len(state.calls) - begun)]
    for call in cancelled:
        call.future.cancel()
    state.wake()


def _leave() -> None:
    """What was submitted is done before the interpreter ends, as by the executors of the library."""
    global _exiting
    _exiting = True
    for thread, state in list(_threads.items()):
        _shut(state)
        thread.join()


threading._register_atexit(_leave)  # type: ignore[attr-defined]


def _forget_in_child() -> None:
    _threads.clear()


os.register_at_fork(after_in_child=_forget_in_child)


# ---- the thread ----


class _Serving:
    """Moves calls to the run and results back. Short calls travel together."""

    def __init__(self, engine: _engine.Engine, state: _State) -> None:
        self._engine, self._state = engine, state
        self._running: dict[int, list[_Call]] = {}  # by task
        self._again: collections.deque[list[_Call]] = collections.deque()  # the next to push
        self._most = 2 * state.slots + 1  # tasks that are out
        self._together = 1  # calls in the next task

    def serve(self) -> None:
        engine, state = self._engine, self._state
        waiter = _engine.Waiter(engine, state.wake_fd)
        finished = False
        while not engine.ended:
            full = self._hand_out()
            for answered in engine.take():
                self._settle(self._running.pop(answered.seq), answered)
                del answered  # its values are the caller's alone
            if not finished and self._is_over():
                engine.finish()
                finished = True
            elif not engine.ended and (full or not self._has_more()):
                waiter.wait()
                _drain(state.wake_fd)

    def _has_more(self) -> bool:
        return len(self._running) < self._most and bool(self._again or self._state.calls)

    def _is_over(self) -> bool:
        with self._state.lock:
            return self._state.shut and not (self._state.calls or self._again or self._running)

    def _hand_out(self) -> bool:
        """Pushes what there is; True: the run takes no more now."""
        while len(self._running) < self._most:
            calls = self._again.popleft() if self._again else self._next()
            if not calls:
                return False
            try:
                seq = self._engine.push(False, [call.item for call in calls])
            except _engine.RunError:
                self._again.appendleft(calls)
                raise
            except BaseException as error:  # an argument that cannot be pickled
                if len(calls) > 1:
                    self._again.extendleft([call] for call in reversed(calls))
                    continue
                error.__cause__ = _work.RemoteTraceback(traceback.format_exc())
                calls[0].future.set_exception(error)
                continue
            if seq is None:
                self._again.appendleft(calls)
                return True
            self._running[seq] = calls
            del calls
        return False

    def _next(self) -> list[_Call]:
        """Those that nobody has cancelled run from now on."""
        waiting = self._state.calls
        with self._state.lock:
            count = min(len(waiting), max(1, min(self._together, len(waiting) // self._state.slots)))
            calls = [waiting.popleft() for _ in range(count)]
            self._state.begun = self._state.begun or bool(calls)
        running = [call for call in calls if call.future.set_running_or_notify_cancel()]
        return running if running or not calls else self._next()

    def _settle(self, calls: list[_Call], answered: _engine.Answered) -> None:
        if answered.failure and len(calls) > 1:
            self._again.extend([call] for call in calls)
        elif answered.failure:
            calls[0].future.set_exception(_engine.lost(answered.failure))
        elif _work.BROKEN in answered.errors:
            self._again.append(calls)
            error = _work.unpack_error(answered.values[0], answered.errors[_work.BROKEN])
            logging.getLogger("concurrent.futures").critical("Exception in initializer:", exc_info=error)
            raise error
        elif _work.UNREADABLE in answered.errors and len(calls) > 1:
            self._again.extend([call] for call in calls)
        else:
            self._learn(len(calls), answered.elapsed)
            for index, call in enumerate(calls):
                text = answered.errors.get(index, answered.errors.get(_work.UNREADABLE))
                if text is None:
                    call.future.set_result(answered.values[index])
                else:
                    call.future.set_exception(_work.unpack_error(answered.values[index], text))

    def _learn(self, count: int, elapsed: float) -> None:
        fit = int(_TOGETHER_S * count / elapsed) if elapsed > 0 else _TOGETHER_MOST
        self._together = max(1, min(fit, 2 * count, _TOGETHER_MOST))

    def end_all(self, error: BaseException) -> None:
        """Nothing that was submitted waits for ever."""
        with self._state.lock:
            self._state.broken = error
            calls = [*itertools.chain(*self._running.values(), *self._again), *self._state.calls]
            self._state.calls.clear()
        for call in calls:
            if not call.future.done():
                broken = BrokenExecutor(f"the executor has ended: {error}")
                broken.__cause__ = error
                call.future.set_exception(broken)


def _serve(engine: _engine.Engine, state: _State) -> None:
    serving = _Serving(engine, state)
    try:
        serving.serve()
    except BaseException as error:
        serving.end_all(error)
    finally:
        engine.close()
        with state.lock:
            os.close(state.wake_fd)
            os.close(state.waker)
            state.waker = -1


def _drain(fd: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(fd, 4096)
