# SPDX-License-Identifier: MIT
"""The caller's function in processes of this host, without sending it anywhere.

    caller ── forks ──▶ template ── forks ──▶ slot 1, slot 2 …
      │                    ▲                      ▲
      └ fanfold ─ worker ─ relay 1, relay 2 … ────┘ by the template

The template is a fork of the caller, so it has the function, closures and all. It prepares once. fanfold's worker
starts a relay (_relay.py) for each slot; the relay hands the three descriptors that the worker gave it to the
template, which forks a slot that serves FRAMES/1 on them. So records go from the worker to the slot and back without
a detour; the relay sleeps. It dies as its slot did, and its slot dies when it does: the worker, which watches the
relay, sees what happens to the slot.

Between relay and template goes, by a socket in the abstract namespace, of which each side checks the other's user:

    relay → template    "slot N" with three descriptors
    template → relay    "exit N" or "signal N", once the slot has ended

The caller has a socket to the template, too. The template writes "prepared", or a failure of `prepare`, and ends when
that socket does, or the caller.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import select
import signal
import socket
import struct
import sys
import time
from typing import Any, Callable, NoReturn, Optional

import fanfold

from . import _work
from ._pickles import Receiver, Sender, unpack_task

_HURRY_S = 5.0
_PREPARED = b"prepared"


def user_of(link: socket.socket) -> int:
    return int(struct.unpack("iii", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])


def pid_of(link: socket.socket) -> int:
    return int(struct.unpack("iii", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])


# What a fork of this process must not keep: ends that others wait for to close.
_open: set[socket.socket] = set()


def _forget_in_child() -> None:
    for link in list(_open):
        with contextlib.suppress(OSError):
            link.close()
    _open.clear()


os.register_at_fork(after_in_child=_forget_in_child)


class Template:
    """The caller's view of it."""

    def __init__(
        self, call: Callable[..., Any], prepare: Optional[Callable[[], Any]], begin: Optional[Callable[[], Any]] = None
    ) -> None:
        self.name = f"fanfold-{os.getpid()}-{os.urandom(8).hex()}"
        self.prepared = False
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind("\0" + self.name)
        listener.listen(128)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        receiving, sending = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fanfold._flush_prints()
        caller = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            receiving.close()
            _live(_Server(call, prepare, begin, caller, listener, theirs, sending))
        for end in (listener, theirs, sending):
            end.close()
        ours.setblocking(False)
        self._link = ours
        self.fd = ours.fileno()
        self.files = Receiver(receiving)
        self.files_fd = receiving.fileno()
        _open.update((ours, receiving))

    def check(self) -> None:
        """Call it when `fd` is readable. Raises what `prepare` raised."""
        try:
            message = self._link.recv(1 << 20)
        except BlockingIOError:
            return
        except ConnectionError:
            message = b""
        if message == _PREPARED:
            self.prepared = True
        elif message:
            error, text = pickle.loads(message)
            raise error from _work.RemoteTraceback(text)
        else:
            raise _work.WorkerLost(f"the process that holds the function {_end_of(self.pid)}")

    def close(self) -> None:
        _open.discard(self._link)
        _open.discard(self.files._link)
        self._link.close()
        self.files.close()
        _reap(self.pid)


def _end_of(pid: int) -> str:
    """How it ended; its socket may be closed a moment earlier."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return "was lost"
    try:
        waiting = select.poll()
        waiting.register(fd, select.POLLIN)
        waiting.poll(1000)
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        end = None
    finally:
        os.close(fd)
    if end is None:
        return "was lost"
    if end.si_code == os.CLD_EXITED:
        return f"ended with status {end.si_status}"
    return f"was killed by signal {end.si_status} ({signal.strsignal(end.si_status)})"


def _reap(pid: int) -> None:
    """It ends when its socket does, unless `prepare` holds it up."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        fd = -1
    try:
        waiting = select.poll()
        if fd >= 0:
            waiting.register(fd, select.POLLIN)
            if not waiting.poll(1000):
                os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ChildProcessError, ProcessLookupError):
        pass
    finally:
        if fd >= 0:
            os.close(fd)


# ---- the template ----


class _Server:
    def __init__(
        self,
        call: Callable[..., Any],
        prepare: Optional[Callable[[], Any]],
        begin: Optional[Callable[[], Any]],
        caller: int,
        listener: socket.socket,
        link: socket.socket,
        files: socket.socket,
    ) -> None:
        self.call, self.prepare, self.begin, self.caller = call, prepare, begin, caller
        self.listener, self.link, self.files = listener, link, files
        self.slots: dict[int, tuple[int, socket.socket]] = {}  # by the slot's descriptor: its pid, its relay
        self.state: tuple[Any, ...] = ()  # what `call` takes besides the item


def _live(server: _Server) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller's to decide
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        if _prepare(server):
            _serve(server)
        status = 0
    except BrokenPipeError:  # the caller wants no more
        pass
    except BaseException as error:
        sys.stderr.write(f"fanfold: the process that holds the function ends: {error!r}\n")
    finally:
        with contextlib.suppress(BaseException):
            for pid, _ in server.slots.values():
                os.kill(pid, signal.SIGKILL)
        fanfold._flush_prints()
        os._exit(status)


def _prepare(server: _Server) -> bool:
    import traceback  # noqa: F401 - here, so that no slot loads it for itself

    # The collector would copy the pages of the caller's objects, and finalize its garbage a second time.
    gc.freeze()
    try:
        if server.prepare:
            server.state = (server.prepare(),)
    except BaseException as error:
        server.link.send(_work.pickle_error(error))
        return False
    gc.collect()
    gc.freeze()
    fanfold._flush_prints()
    server.link.send(_PREPARED)
    return True


def _serve(server: _Server) -> None:
    waiting = select.poll()
    caller = os.pidfd_open(server.caller)
    if os.getppid() != server.caller:
        return
    for fd in (caller, server.link.fileno(), server.listener.fileno()):
        waiting.register(fd, select.POLLIN)
    relays: dict[int, int] = {}  # by the relay's descriptor: the slot's
    while True:
        # A slot and its relay may have ended together: the second of their events has nobody to meet.
        for fd, _ in waiting.poll():
            if fd == server.listener.fileno():
                slot = _accept(server)
                if slot is not None:
                    relay = server.slots[slot][1].fileno()
                    relays[relay] = slot
                    waiting.register(slot, select.POLLIN)
                    waiting.register(relay, select.POLLIN)
            elif fd in relays:  # the worker has killed it
                waiting.unregister(fd)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(server.slots[relays.pop(fd)][0], signal.SIGKILL)
            elif fd in server.slots:
                waiting.unregister(fd)
                relay = server.slots[fd][1].fileno()
                if relays.pop(relay, None) is not None:
                    waiting.unregister(relay)
                _bury(server, fd)
            elif fd in (caller, server.link.fileno()):
                return


def _bury(server: _Server, fd: int) -> None:
    """Tells the relay how its slot has ended."""
    pid, relay = server.slots.pop(fd)
    os.close(fd)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    with relay, contextlib.suppress(OSError):
        relay.send(b"exit %d" % code if code >= 0 else b"signal %d" % -code)


def _accept(server: _Server) -> Optional[int]:
    """The descriptor of a new slot."""
    relay, _ = server.listener.accept()
    relay.settimeout(_HURRY_S)
    fds: list[int] = []
    try:
        if user_of(relay) != os.getuid():
            raise OSError("a stranger")
        _, fds, _, _ = socket.recv_fds(relay, 64, 3)
        if len(fds) != 3:
            raise OSError("no descriptors")
        pid = _fork_slot(server, relay, fds)
    except OSError:
        relay.close()
        return None
    finally:
        for fd in fds:
            os.close(fd)
    slot = os.pidfd_open(pid)
    server.slots[slot] = (pid, relay)
    return slot


def _fork_slot(server: _Server, relay: socket.socket, fds: list[int]) -> int:
    group, template = pid_of(relay), os.getpid()
    die_with_template = fanfold._find_death_signal()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        die_with_template()
        if os.getppid() == template:
            _settle(server, relay, group)
            _work_on(server, *fds[:2])
            status = 0
    except BaseException as error:
        sys.stderr.write(f"fanfold: a slot ends: {error!r}\n")
    finally:
        fanfold._flush_prints()
        os._exit(status)


def _settle(server: _Server, relay: socket.socket, group: int) -> None:
    """In the relay's group, the worker's signals reach the slot, and those of the terminal do not."""
    try:
        os.setpgid(0, group)
    except OSError:
        os.setpgid(0, 0)
    for fd, (_, other) in server.slots.items():
        os.close(fd)
        other.close()
    for link in (relay, server.listener, server.link):
        link.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    fanfold._seed_apart()


def _work_on(server: _Server, source_fd: int, sink_fd: int) -> None:
    files = Sender(server.files)
    broken = _begin(server, files)
    with contextlib.suppress(BrokenPipeError), open(source_fd, "rb", 1 << 16) as source, open(sink_fd, "wb", 0) as sink:
        _write(sink_fd, fanfold._RESPONSE.pack(fanfold._MAGIC, fanfold._READY, 0, 0))
        while len(head := source.read(fanfold._REQUEST.size)) == fanfold._REQUEST.size:
            number, length, seq, attempt, records = fanfold._REQUEST.unpack(head)
            data = source.read(length)
            if len(data) < length:
                return
            result = broken or _answer(server, files, memoryview(data)[_work.FRAME_BYTES :])
            fanfold._flush_prints()
            _write(sink_fd, fanfold._RESPONSE.pack(fanfold._MAGIC, fanfold._OK, number, len(result)), result)
            del data, result


def _begin(server: _Server, files: Sender) -> Optional[bytes]:
    """What each task is answered if the slot's own preparation fails."""
    try:
        if server.begin:
            server.begin()
    except BaseException as error:
        return files.pack(_work.broken(error))
    return None


def _answer(server: _Server, files: Sender, data: memoryview) -> bytes:
    began = time.perf_counter()
    try:
        task = unpack_task(data, server.caller)
    except BaseException as error:
        return files.pack(_work.failed_at_once(error))
    answer = _work.run(server.call, server.state, task)
    answer.elapsed = time.perf_counter() - began
    return _work.pack(answer, files.pack)


def _write(fd: int, *parts: bytes) -> None:
    views = [memoryview(part) for part in parts if part]
    while views:
        written = os.writev(fd, views)
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if views:
            views[0] = views[0][written:]
