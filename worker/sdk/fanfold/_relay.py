# SPDX-License-Identifier: MIT
"""What fanfold-worker starts for a slot whose work a fork of the caller does: _template.py has the whole.

It speaks FORK/1 (worker/FORK.md), so that a slot costs a fork and not a start of Python. The first value waits for
its start. So it loads no other file of this package, and no module that takes long: not `socket`, `typing`, `ctypes`.
"""

from __future__ import annotations

import _socket as socket
import os
import select
import struct
import sys

_CREDENTIALS = struct.Struct("iii")  # pid, user, group
_STREAMS = struct.Struct("iii")
_MESSAGE_BYTES = 4096


def command(name: str) -> list[str]:
    """The command line for the worker."""
    folder = os.path.dirname(os.path.abspath(__file__))
    # Nothing in the working directory may take the place of a module.
    line = "import sys; sys.path = [sys.argv[1], *filter(None, sys.path)]; from _relay import main; main(sys.argv[2])"
    return [sys.executable or "/usr/bin/python3", "-S", "-c", line, folder, name]


def main(name: str) -> None:
    fd = os.environ.pop("FANFOLD_FORK", "")
    if not fd:
        sys.exit("fanfold: a relay is started by fanfold-worker --mode frames alone")
    os.dup2(2, 1)
    link = socket.socket(fileno=int(fd))
    os.set_inheritable(link.fileno(), False)
    worker, _, _ = _peer_of(link)
    link.send(b"ready 1")
    while True:
        message, passed, _, _ = link.recvmsg(_MESSAGE_BYTES, socket.CMSG_SPACE(_STREAMS.size), socket.MSG_CMSG_CLOEXEC)
        if not message:
            return
        number = int(message.split()[1])
        fds = _STREAMS.unpack(passed[0][2][: _STREAMS.size])
        link.send(b"slot %d %s" % (number, _fork(link, worker, name, number, fds)))
        for fd_of_slot in fds:
            os.close(fd_of_slot)


def _peer_of(link: socket.socket) -> tuple[int, int, int]:
    return _CREDENTIALS.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))


def _fork(link: socket.socket, worker: int, name: str, number: int, fds: tuple[int, ...]) -> bytes:
    """The relay's pid, or why there is none. The process in between ends at once, so that the worker, a subreaper, is
    the relay's parent; only then does the relay continue."""
    try:
        pids, pid_end = os.pipe()
        go_end, go = os.pipe()
        between = os.fork()
    except OSError as error:
        return b"error " + str(error).encode()
    if between == 0:
        status = 1
        try:
            if os.fork() == 0:
                for end in (pids, go):
                    os.close(end)
                link.close()
                os.setpgid(0, 0)
                os.write(pid_end, b"%d" % os.getpid())
                os.close(pid_end)
                if os.read(go_end, 1):
                    status = _relay(worker, name, number, fds)
        except OSError as error:
            os.write(pid_end, b"error " + str(error).encode())
        finally:
            os._exit(status)
    for end in (pid_end, go_end):
        os.close(end)
    try:
        os.waitpid(between, 0)
    except ChildProcessError:  # SIGCHLD is ignored here
        pass
    answer = os.read(pids, 200)
    try:
        os.write(go, b"g")
    except BrokenPipeError:
        pass
    for end in (pids, go):
        os.close(end)
    return answer or b"error the relay died at once"


def _relay(worker: int, name: str, number: int, fds: tuple[int, ...]) -> int:
    """The slot's status. It ends with the worker, as by PR_SET_PDEATHSIG."""
    alive = os.pidfd_open(worker)
    if os.getppid() != worker:
        return 1
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        link.connect("\0" + name)
        if _peer_of(link)[1] != os.getuid():
            return 1
        link.sendmsg([b"slot %d" % number], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _STREAMS.pack(*fds))])
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (*fds, 0, 1):
            os.dup2(null, fd)
        waiting = select.poll()
        waiting.register(alive, select.POLLIN)
        waiting.register(link.fileno(), select.POLLIN)
        if any(fd == alive for fd, _ in waiting.poll()):
            return 1
        kind, _, code = link.recv(64).partition(b" ")
    except OSError:
        return 1  # the caller has gone
    if kind == b"signal":
        _die(int(code))
    return int(code) if kind == b"exit" else 1


def _die(number: int) -> None:
    """As the slot did, but for the core."""
    import resource
    import signal

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
