# SPDX-License-Identifier: MIT
"""Objects between processes of one host: pickles, whose large buffers lie in memory that both map.

A buffer of at least SHARED_BYTES (a numpy array) is written once, into a memory file (memfd); the reader maps it.
The pickle itself goes through fanfold, behind a head that names the files:

    count (4 bytes, little-endian), then for each file: number (8), size (8), then the pickle

The caller keeps the files of a task open until it has the result, and a slot opens them through
/proc/PID/fd. A slot hands the files of a result over by a socket (SCM_RIGHTS), as it may be gone by then.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import socket
import struct
from collections.abc import Sequence
from typing import Any, Callable, Union

SHARED_BYTES = 256 << 10
_COUNT = struct.Struct("<I")
_FILE = struct.Struct("<QQ")  # number, size
_TOKEN = struct.Struct("<Q")
_NO_FILES = _COUNT.pack(0)


class SharedFiles:
    """Memory files that are closed together."""

    def __init__(self, fds: Sequence[int]) -> None:
        self.fds = list(fds)

    def close(self) -> None:
        while self.fds:
            os.close(self.fds.pop())


def _write_file(view: memoryview) -> int:
    fd = os.memfd_create("fanfold")
    try:
        while len(view):
            view = view[os.write(fd, view) :]
    except BaseException:
        os.close(fd)
        raise
    return fd


def dump(value: Any) -> tuple[bytes, list[int], list[int]]:
    """The pickle, and the descriptors and sizes of the files that it needs, which the caller closes."""
    fds: list[int] = []
    sizes: list[int] = []

    def is_small(buffer: pickle.PickleBuffer) -> bool:
        try:
            view = buffer.raw()
        except BufferError:  # not contiguous
            return True
        if view.nbytes < SHARED_BYTES:
            return True
        try:
            fds.append(_write_file(view))
        except OSError:  # no descriptor, or no memory for files: through the pipe
            return True
        sizes.append(view.nbytes)
        return False

    try:
        return pickle.dumps(value, protocol=5, buffer_callback=is_small), fds, sizes
    except BaseException:
        SharedFiles(fds).close()
        raise


def _map(fd: int, size: int) -> mmap.mmap:
    """Private: what the function writes to its argument is its own, and a second attempt sees the original."""
    return mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)


def pack_task(value: Any) -> tuple[bytes, SharedFiles]:
    body, fds, sizes = dump(value)
    if not fds:
        return _NO_FILES + body, _NONE
    heads = b"".join(map(_FILE.pack, fds, sizes))
    return _COUNT.pack(len(fds)) + heads + body, SharedFiles(fds)


_NONE = SharedFiles(())


def size_of(data: Union[bytes, memoryview]) -> int:
    """Bytes of what `data` tells, those in files included."""
    (count,) = _COUNT.unpack_from(data)
    places = range(_COUNT.size, _COUNT.size + count * _FILE.size, _FILE.size)
    return len(data) + sum(_FILE.unpack_from(data, at)[1] for at in places)


def unpack_task(data: Union[bytes, memoryview], owner: int) -> Any:
    """In a slot: `owner` is the process that has the files."""

    def open_file(number: int, size: int) -> mmap.mmap:
        fd = os.open(f"/proc/{owner}/fd/{number}", os.O_RDWR | os.O_CLOEXEC)
        try:
            return _map(fd, size)
        finally:
            os.close(fd)

    return _unpack(data, open_file)


def _unpack(data: Union[bytes, memoryview], open_file: Callable[[int, int], mmap.mmap]) -> Any:
    (count,) = _COUNT.unpack_from(data)
    if not count:
        return pickle.loads(memoryview(data)[_COUNT.size :])
    at = _COUNT.size
    buffers = []
    for _ in range(count):
        buffers.append(open_file(*_FILE.unpack_from(data, at)))
        at += _FILE.size
    return pickle.loads(memoryview(data)[at:], buffers=buffers)


class Sender:
    """A slot's end of the socket for files."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._sent = 0

    def pack(self, value: Any) -> bytes:
        body, fds, sizes = dump(value)
        if not fds:
            return _NO_FILES + body
        numbers = []
        try:
            for fd in fds:
                self._sent += 1
                numbers.append(os.getpid() << 32 | self._sent)
                socket.send_fds(self._link, [_TOKEN.pack(numbers[-1])], [fd])
        finally:
            SharedFiles(fds).close()
        return _COUNT.pack(len(fds)) + b"".join(map(_FILE.pack, numbers, sizes)) + body


class Receiver:
    """The caller's end. Read it whenever it is readable, or slots wait."""

    def __init__(self, link: socket.socket) -> None:
        link.setblocking(False)
        self._link = link
        self._fds: dict[int, int] = {}

    def receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                message, fds, _, _ = socket.recv_fds(self._link, _TOKEN.size, 1)
                if not message:
                    return
                if fds:
                    self._fds[_TOKEN.unpack(message)[0]] = fds[0]

    def unpack(self, data: Union[bytes, memoryview]) -> Any:
        def open_file(number: int, size: int) -> mmap.mmap:
            if number not in self._fds:
                self.receive()
            fd = self._fds.pop(number)
            try:
                return _map(fd, size)
            finally:
                os.close(fd)

        return _unpack(data, open_file)

    def close(self) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()
        self._link.close()
