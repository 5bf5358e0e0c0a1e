# SPDX-License-Identifier: MIT
"""Where a run's output goes: a pipe whose reader pauses, or a disk that fills; and its input's pipe."""

import os
import threading

from material import SIZE
from network import mount_tmpfs, unmount

FULL_BYTES = SIZE + (3 << 20)  # of the disk; spill files need room


class Reader:
    """Copies a pipe to a file; pauses while `may_read` is cleared."""

    def __init__(self, path):
        self.path = path
        self.source, self.end = os.pipe()
        self.may_read = threading.Event()
        self.may_read.set()
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self):
        with open(self.path, "wb", buffering=0) as file:
            while data := os.read(self.source, 16 << 10):
                file.write(data)
                self.may_read.wait()

    def close(self):
        os.close(self.end)
        self.may_read.set()
        self.thread.join()
        os.close(self.source)


def feed(path, pipe):
    """Copies the file to the pipe, as far as a program reads it."""

    def write():
        try:
            with open(path, "rb") as file, pipe:
                while data := file.read(64 << 10):
                    pipe.write(data)
        except (BrokenPipeError, ValueError):
            pass

    threading.Thread(target=write, daemon=True).start()


class Disk:
    """Holds the output. `fill` leaves no byte free; `empty` makes room."""

    def __init__(self, path, mounts):
        self.path = path
        self.mounts = mounts
        path.mkdir()
        if mounts:
            mount_tmpfs(path, f"size={FULL_BYTES}")
        self.ballast = path / ".ballast"

    def fill(self):
        with open(self.ballast, "wb", buffering=0) as file:
            step = 1 << 20
            while step:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, step)
                except OSError:
                    step //= 16

    def empty(self):
        self.ballast.unlink(missing_ok=True)

    def close(self):
        if self.mounts:
            unmount(self.path)
