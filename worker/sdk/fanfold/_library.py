# SPDX-License-Identifier: MIT
"""libfanfold by ctypes: a run of fanfold(1) that takes records and gives results."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional, Union

_OK, _FULL, _EMPTY, _END = 0, 1, 2, 3
_PARTS_MAX = 64
_SONAME = "libfanfold.so.1"


class _Config(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_size_t),
        ("command", ctypes.POINTER(ctypes.c_char_p)),
        ("mode", ctypes.c_char_p),
        ("slots", ctypes.c_uint),
        ("retries", ctypes.c_uint),
        ("on_error", ctypes.c_int),
        ("unordered", ctypes.c_int),
        ("keep_frame", ctypes.c_int),
        ("hosts", ctypes.c_char_p),
        ("tasks", ctypes.c_char_p),
        ("max_record", ctypes.c_uint64),
        ("max_result", ctypes.c_uint64),
        ("options", ctypes.POINTER(ctypes.c_char_p)),
        ("program", ctypes.c_char_p),
        ("stderr_fd", ctypes.c_int),
    ]


class _Result(ctypes.Structure):
    _fields_ = [
        ("seq", ctypes.c_uint64),
        ("kind", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("reason", ctypes.c_char_p),
        ("text", ctypes.c_char_p),
        ("attempts", ctypes.c_uint),
    ]


class _Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class Failure(NamedTuple):
    """A record that has failed for good."""

    reason: str  # "signal 9 (KILL)"
    text: str  # the end of what the last attempt wrote to standard error
    attempts: int


class RunError(RuntimeError):
    """fanfold could not begin, or ended before its work was done."""


def _candidates() -> Iterator[str]:
    """Where the library may lie: named, beside this package, known to the linker, beside fanfold."""
    named = os.environ.get("FANFOLD_LIBRARY")
    if named:
        yield named
        return
    own = os.path.dirname(os.path.realpath(__file__))
    for path in (
        os.path.join(own, "..", "..", "..", _SONAME),  # LIBDIR/fanfold/sdk/fanfold
        os.path.join(own, "..", "..", "..", "deploy", "lib", _SONAME),  # of a build
    ):
        if os.path.exists(path):
            yield path
    yield _SONAME
    import glob  # where the search ends earlier, none of these need be loaded
    import shutil

    program = os.environ.get("FANFOLD_PROGRAM") or shutil.which("fanfold")
    if program:
        folder = os.path.dirname(os.path.realpath(program))
        for pattern in ("../lib", "../lib/*", "../lib64"):
            yield from sorted(glob.glob(os.path.join(glob.escape(folder), pattern, _SONAME)))


def _load() -> ctypes.CDLL:
    errors = []
    for path in _candidates():
        try:
            return _declare(ctypes.CDLL(path, use_errno=False))
        except OSError as error:
            errors.append(str(error))
    raise ImportError(
        f"{_SONAME} was not found ({'; '.join(errors)}): install fanfold, put it into the PATH, or name the "
        "library's file in FANFOLD_LIBRARY"
    )


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    run = ctypes.c_void_p
    for name, result, arguments in (
        ("open", run, [ctypes.POINTER(_Config)]),
        ("push", ctypes.c_int, [run, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]),
        ("pushv", ctypes.c_int, [run, ctypes.POINTER(_Part), ctypes.c_int, ctypes.c_void_p]),
        ("finish", ctypes.c_int, [run]),
        ("take", ctypes.c_int, [run, ctypes.POINTER(_Result)]),
        ("fd", ctypes.c_int, [run]),
        ("error", ctypes.c_char_p, [run]),
        ("status", ctypes.c_int, [run]),
        ("close", None, [ctypes.POINTER(run)]),
    ):
        function = getattr(library, f"fanfold_{name}")
        function.restype, function.argtypes = result, arguments
    return library


_library: Optional[ctypes.CDLL] = None


def _loaded() -> ctypes.CDLL:
    global _library
    if _library is None:
        _library = _load()
    return _library


def _words(words: Optional[Sequence[str]]) -> Optional[ctypes.Array[ctypes.c_char_p]]:
    if words is None:
        return None
    encoded = [os.fsencode(word) for word in words]
    return (ctypes.c_char_p * (len(encoded) + 1))(*encoded, None)


def _text(value: Optional[str]) -> Optional[bytes]:
    return None if value is None else os.fsencode(value)


class Run:
    """One run. It belongs to the process that opened it, and to one thread at a time."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        mode: str = "frames",
        slots: int = 0,
        retries: int = 0,
        unordered: bool = False,
        hosts: Optional[str] = None,
        tasks: Optional[str] = None,
        options: Sequence[str] = (),
        stderr: int = -1,
    ) -> None:
        self._library = library = _loaded()
        config = _Config(
            size=ctypes.sizeof(_Config),
            command=_words(command),
            mode=_text(mode),
            slots=slots,
            retries=retries,
            unordered=unordered,
            keep_frame=True,  # the programs of this package read it, and older workers give it
            hosts=_text(hosts),
            tasks=_text(tasks),
            options=_words(options),
            max_result=(1 << 32) - 1,
            stderr_fd=stderr,
        )
        self._run: Optional[int] = library.fanfold_open(ctypes.byref(config))
        if not self._run:
            raise MemoryError("fanfold_open")
        self._result = _Result()
        self._result_at = ctypes.byref(self._result)
        self.fd: int = library.fanfold_fd(self._run)
        if self.fd < 0:
            message = self._error()
            self.close()
            raise RunError(message)
        self.ended = False
        self.pushed = 0

    def push(self, record: bytes) -> bool:
        """False: the run is full; wait for `fd`, take, and try again."""
        outcome = self._library.fanfold_push(self._run, record, len(record), None)
        if outcome < 0:
            raise RunError(self._error())
        self.pushed += outcome == _OK
        return bool(outcome == _OK)

    def finish(self) -> None:
        if self._library.fanfold_finish(self._run) < 0:
            raise RunError(self._error())

    def take(self) -> Optional[tuple[int, Union[memoryview, Failure]]]:
        """The number and the result, whose memory is valid until the next call; None: there is none yet, or the
        run has `ended`."""
        outcome = self._library.fanfold_take(self._run, self._result_at)
        if outcome == _OK:
            return self._result.seq, self._what()
        if outcome == _END:
            self.ended = True
        elif outcome != _EMPTY:
            raise RunError(self._error())
        return None

    def _what(self) -> Union[memoryview, Failure]:
        result = self._result
        if result.kind:
            return Failure(_decoded(result.reason), _decoded(result.text), result.attempts)
        if not result.size:
            return memoryview(b"")
        return memoryview((ctypes.c_char * result.size).from_address(result.data)).cast("B")

    def _error(self) -> str:
        return _decoded(self._library.fanfold_error(self._run))

    def close(self) -> None:
        """Ends what still runs."""
        if self._run:
            run = ctypes.c_void_p(self._run)
            self._run = None
            self._library.fanfold_close(ctypes.byref(run))


def _decoded(text: Optional[bytes]) -> str:
    return (text or b"").decode(errors="replace")
