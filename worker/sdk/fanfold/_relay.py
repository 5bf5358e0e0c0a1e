# SPDX-License-Identifier: MIT
"""What fanfold-worker starts for a slot whose work a fork of the caller does: _template.py has the whole.

    python3 -S -c 'import sys; sys.path.insert(0, DIRECTORY); from fanfold._relay import main; main(NAME)'

It speaks FORK/1, so that a slot costs a fork and not a start of Python.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
from typing import Any

import fanfold


def command(name: str) -> list[str]:
    """The command line for the worker."""
    above = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    line = "import sys; sys.path.insert(0, sys.argv[1]); from fanfold._relay import main; main(sys.argv[2])"
    return [sys.executable or "/usr/bin/python3", "-S", "-c", line, above, name]


def main(name: str) -> None:
    program = fanfold._Program(lambda chunk, state: b"", None, None, None)

    def become(number: int, fds: list[int], _: Any, __: Any) -> None:
        os._exit(_relay(name, number, fds))

    if fanfold._link is None:
        sys.exit("fanfold: a relay is started by fanfold-worker --mode frames alone")
    fanfold._serve_forks(program, fanfold._link, become)


def _relay(name: str, number: int, fds: list[int]) -> int:
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        link.connect("\0" + name)
        if struct.unpack("iii", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1] != os.getuid():
            return 1
        socket.send_fds(link, [b"slot %d" % number], fds)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (*fds, 0, 1):
            os.dup2(null, fd)
        kind, _, code = link.recv(64).partition(b" ")
    except OSError:
        return 1  # the caller has gone
    if kind == b"signal":
        _die(int(code))
    return int(code) if kind == b"exit" else 1


def _die(number: int) -> None:
    """As the slot did, but for the core."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
