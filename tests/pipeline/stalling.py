# SPDX-License-Identifier: MIT
"""A file system that stalls: everything that is asked of it waits, until it goes on.

bindfs shows a directory of the test's own in another place, through FUSE; a stopped bindfs answers nobody, as a
file server that is gone. It needs root, and is skipped elsewhere.
"""

import contextlib
import os
import shutil
import signal
import subprocess

from harness import Skip

NO_CACHE = "attr_timeout=0,entry_timeout=0,negative_timeout=0"
# Read-only, as each read has the kernel ask for the times anew where it could change them.
CACHES = "ro,attr_timeout=3600,entry_timeout=3600"


class Stalling:
    """`path` is below the file system, `behind` the same directory without it."""

    def __init__(self, case, name, options):
        if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
            raise Skip("no FUSE: it needs root and /dev/fuse")
        if not shutil.which("bindfs"):
            raise Skip("no bindfs")
        self.behind = case.path(f"{name}-behind")
        self.path = case.path(name)
        self.behind.mkdir(mode=0o700)
        self.path.mkdir()
        self.server = case.start("bindfs", "-f", "-o", options, self.behind, self.path)
        case.mounts.append(self.path)
        case.wait_for(lambda: os.path.ismount(self.path) or not self.server.running(), "the file system")
        if not self.server.running():
            raise Skip(f"bindfs does not mount here: {self.server.stderr().strip()}")

    def stall(self):
        self.server.signal(signal.SIGSTOP)

    def go_on(self):
        self.server.signal(signal.SIGCONT)

    def close(self):
        self.go_on()
        subprocess.run(["umount", self.path], check=False)
        self.server.wait()


@contextlib.contextmanager
def stalling(case, name="stalling", options=NO_CACHE):
    """options: what the kernel remembers of it."""
    disk = Stalling(case, name, options)
    try:
        yield disk
    finally:
        disk.close()
