# SPDX-License-Identifier: MIT
"""Objects between processes of one host: pickles, whose large buffers lie in memory that both map.

A buffer of at least SHARED_BYTES (a numpy array) is written once, into a memory file (memfd); the reader maps it.
Several share a file of about FILE_BYTES: each file costs a descriptor and a mapping, and lasts as long as any of its buffers.
The pickle itself goes through fanfold, behind a head that tells where the buffers are:

    count (4 bytes, little-endian), then for each buffer: its file's number (8), offset (8), size (8), then the pickle

The caller keeps the files of a task open until it has the result, and a slot opens them through
/proc/PID/fd. A slot hands the files of a result over by a socket (SCM_RIGHTS), as it may be gone by then.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import pickle
import resource
import socket
import struct
from collections.abc import Sequence
from typing import Any, Callable, Union

SHARED_BYTES = 32 << 10
FILE_BYTES = 256 << 10
FILES_MOST = 4  # of a pickle; the last one takes the rest
_COUNT = struct.Struct("<I")
_PLACE = struct.Struct("<QQQ")  # number of the file, offset, size
_TOKEN = struct.Struct("<Q")
_NO_FILES = _COUNT.pack(0)
_ALIGNMENT = 64  # of a buffer: a cache line


class SharedFiles:
    """Memory files that are closed together."""

    def __init__(self, fds: Sequence[int]) -> None:
        self.fds = list(fds)

    def close(self) -> None:
        while self.fds:
            os.close(self.fds.pop())


def _create_file() -> int:
    """A quarter of the descriptors stays free, so that the caller can take those of results."""
    fd = os.memfd_create("fanfold")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit != resource.RLIM_INFINITY and fd >= limit * 3 // 4:
        os.close(fd)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return fd


class _Buffers:
    """The large buffers of a pickle, in memory files."""

    def __init__(self) -> None:
        self.fds: list[int] = []
        self.places: list[tuple[int, int, int]] = []  # which of `fds`, offset, size
        self._end = FILE_BYTES  # of the last file, where the next buffer begins if it fits

    def add(self, view: memoryview) -> None:
        if not self.fds or (self._end + view.nbytes > FILE_BYTES and len(self.fds) < FILES_MOST):
            self.fds.append(_create_file())
            self._end = 0
        at = self._end
        try:
            self._write(view, at)
        except BaseException:
            if not at:
                os.close(self.fds.pop())
                self._end = FILE_BYTES
            raise
        self.places.append((len(self.fds) - 1, at, view.nbytes))
        self._end = -(-(at + view.nbytes) // _ALIGNMENT) * _ALIGNMENT

    def _write(self, view: memoryview, at: int) -> None:
        while len(view):
            written = os.pwrite(self.fds[-1], view, at)
            view, at = view[written:], at + written

    def head(self, numbers: Sequence[int]) -> bytes:
        """Where they are, if the files have these numbers."""
        places = (_PLACE.pack(numbers[index], at, size) for index, at, size in self.places)
        return _COUNT.pack(len(self.places)) + b"".join(places)


def dump(value: Any) -> tuple[bytes, _Buffers]:
    """The pickle, and the buffers that it needs, whose files the caller closes."""
    buffers = _Buffers()

    def is_small(buffer: pickle.PickleBuffer) -> bool:
        try:
            view = buffer.raw()
        except BufferError:  # not contiguous
            return True
        if view.nbytes < SHARED_BYTES:
            return True
        try:
            buffers.add(view)
        except OSError:  # no descriptor, or no memory for files: through the pipe
            return True
        return False

    try:
        return pickle.dumps(value, protocol=5, buffer_callback=is_small), buffers
    except BaseException:
        SharedFiles(buffers.fds).close()
        raise


def _map(fd: int) -> memoryview:
    """Private: what the function writes to its argument is its own, and a second attempt sees the original."""
    size = os.fstat(fd).st_size
    try:
        return memoryview(mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE))
    except OSError:  # as many mappings as a process may have
        copy = memoryview(bytearray(size))
        at = 0
        while read := os.preadv(fd, [copy[at:]], at):
            at += read
        return copy


def pack_task(value: Any) -> tuple[bytes, SharedFiles]:
    body, buffers = dump(value)
    if not buffers.fds:
        return _NO_FILES + body, _NONE
    return buffers.head(buffers.fds) + body, SharedFiles(buffers.fds)


_NONE = SharedFiles(())


def size_of(data: Union[bytes, memoryview]) -> int:
    """Bytes of what `data` tells, those in files included."""
    (count,) = _COUNT.unpack_from(data)
    places = range(_COUNT.size, _COUNT.size + count * _PLACE.size, _PLACE.size)
    return len(data) + sum(_PLACE.unpack_from(data, at)[2] for at in places)


def unpack_task(data: Union[bytes, memoryview], owner: int) -> Any:
    """In a slot: `owner` is the process that has the files."""

    return _unpack(data, lambda number: os.open(f"/proc/{owner}/fd/{number}", os.O_RDWR | os.O_CLOEXEC))


def _unpack(data: Union[bytes, memoryview], open_file: Callable[[int], int]) -> Any:
    (count,) = _COUNT.unpack_from(data)
    if not count:
        return pickle.loads(memoryview(data)[_COUNT.size :])
    at = _COUNT.size
    buffers = []
    files: dict[int, memoryview] = {}  # by number
    for _ in range(count):
        number, offset, size = _PLACE.unpack_from(data, at)
        if number not in files:
            fd = open_file(number)
            try:
                files[number] = _map(fd)
            finally:
                os.close(fd)
        buffers.append(files[number][offset : offset + size])
        at += _PLACE.size
    return pickle.loads(memoryview(data)[at:], buffers=buffers)


class Sender:
    """A slot's end of the socket for files."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._sent = 0

    def pack(self, value: Any) -> bytes:
        body, buffers = dump(value)
        if not buffers.fds:
            return _NO_FILES + body
        numbers = []
        try:
            for fd in buffers.fds:
                self._sent += 1
                numbers.append(os.getpid() << 32 | self._sent)
                socket.send_fds(self._link, [_TOKEN.pack(numbers[-1])], [fd])
        finally:
            SharedFiles(buffers.fds).close()
        return buffers.head(numbers) + body


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
        def open_file(number: int) -> int:
            if number not in self._fds:
                self.receive()
            return self._fds.pop(number)

        return _unpack(data, open_file)

    def close(self) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()
        self._link.close()
