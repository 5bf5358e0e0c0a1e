# SPDX-License-Identifier: MIT
"""Programs for fanfold-worker --mode frames, in Python 3.9 or later: this file, and nothing else.

    import fanfold

    def prepare():                     # once: costly work
        return load_model("model.bin")

    def process(chunk, model):         # for each chunk: bytes to bytes
        return b"".join(model.classify(line) for line in chunk.splitlines(True))

    fanfold.serve(process, prepare)

    $ fanfold --mode frames -- python3 classify.py < in > out

`prepare` runs once in a worker; the worker then forks the process for every slot, and the
slots share the prepared memory until one of them writes to it. With --prepare-each every
slot runs `prepare` itself. What each slot needs for itself (connections, open files, random
numbers) is for `prepare_slot`, which runs once in each. By hand, or as the command of a process a chunk, the same program
reads its standard input as one chunk and writes the result: python3 classify.py < in > out.

Only results go to standard output. `print` and child processes write to standard error
instead, and standard input is empty: under the worker from the import of this module on,
otherwise from `serve` on. An exception in `process` fails the chunk, with its traceback as
the message; the program continues.

A program of any kind hands its own work to fanfold by `fanfold.map` and `fanfold.Executor`,
which need libfanfold and the other files of this package.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import socket
import struct
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, NamedTuple, NoReturn, Optional, TypeVar, Union, overload

if TYPE_CHECKING:
    import types

__all__ = ["Executor", "RemoteTraceback", "RunError", "Task", "WorkerLost", "map", "serve", "serve_records", "task"]

State = TypeVar("State")
Bytes = Union[bytes, bytearray, memoryview]
Result = Union[Bytes, Iterable[Bytes]]
Part = Union[bytes, memoryview]  # whose bytes nobody can change

# FRAMES/1 and FORK/1: worker/FRAMES.md, worker/FORK.md.
_REQUEST = struct.Struct(">QQQII")  # number, length, seq, attempt, records
_RESPONSE = struct.Struct(">3scQQ")  # magic, kind, number of the request, length
_MAGIC = b"\xf4ff"
_OK, _ERROR, _READY = b"+", b"-", b"."
_FORK_READY = b"ready 1"
_FORK_MESSAGE_BYTES = 4096
_MESSAGE_BYTES = 4000  # of a failure; the worker passes on about as many
_BUFFER_BYTES = 1 << 16
_MANY_RECORDS = (1 << 32) - 1  # or more


class Task(NamedTuple):
    """The facts about the current chunk, besides its bytes."""

    seq: int  # the chunk's number, from 0
    attempt: int  # from 1
    records: int  # how many it holds; 0: not counted
    slot: int  # from 1


class _Program(NamedTuple):
    """What the user wrote."""

    process: Callable[[bytes, Any], Result]
    prepare: Optional[Callable[[], Any]]
    prepare_slot: Optional[Callable[[Any], Any]]
    seed: Optional[int]


_OWN_FILE = (lambda: None).__code__.co_filename
_task = Task(0, 1, 0, 1)
_served = False
_record_at_hand = ""  # the one for which `process` of serve_records failed


def task() -> Task:
    """The task for which `process` is running."""
    return _task


@overload
def serve(process: Callable[[bytes, None], Result], *, seed: Optional[int] = None) -> None: ...


@overload
def serve(
    process: Callable[[bytes, State], Result], prepare: Callable[[], State], *, seed: Optional[int] = None
) -> None: ...


@overload
def serve(
    process: Callable[[bytes, Any], Result],
    prepare: Optional[Callable[[], State]] = None,
    prepare_slot: Optional[Callable[[State], Any]] = None,
    *,
    seed: Optional[int] = None,
) -> None: ...


def serve(
    process: Callable[[bytes, Any], Result],
    prepare: Optional[Callable[[], Any]] = None,
    prepare_slot: Optional[Callable[[Any], Any]] = None,
    *,
    seed: Optional[int] = None,
) -> None:
    """Calls `process(chunk, state)` for each chunk, where state is what `prepare()` returned.

    `prepare_slot(state)` runs once in each slot, before its first chunk. What it returns is
    the state of that slot; None leaves it that of `prepare`.

    The result is bytes (or another object of bytes: bytearray, memoryview, an array), or an
    iterable of such. Each is copied as soon as it is returned or yielded, so that a buffer
    may be used again. Anything else is a TypeError: a number is not taken for its memory.

    Slots draw different random numbers. With `seed`, `random` and the global generator of
    numpy begin again at each chunk, from `seed` and the chunk's number: the same input gives
    the same output, in whichever slot.

    Returns when there are no more chunks; in the process that was forked, not in its slots,
    which end. Does nothing where a child of multiprocessing imports the program.
    """
    global _served
    child = _is_child()
    if child and _is_imported():
        return
    if child or _served:
        where = "in a child of multiprocessing" if child else "again"
        raise RuntimeError(f"fanfold.serve was called {where}: only the program itself serves, and once")
    _served = True
    import traceback  # noqa: F401 - now, as a failure may leave no descriptor to load it with

    _check_parameters(process, "chunk")
    program = _Program(process, prepare, prepare_slot, seed)
    if _link:
        _serve_forks(program, _link)
    elif _streams:
        slot = int(os.environ.get("FANFOLD_SLOT", 1))
        _serve_frames(program, _begin_slot(program, _prepare(program), slot), slot, *_streams)
    else:
        _serve_one(program, *_take_streams())


@overload
def serve_records(
    process: Callable[[bytes, None], Optional[Result]],
    *,
    end: bytes = b"\n",
    header: int = 0,
    seed: Optional[int] = None,
) -> None: ...


@overload
def serve_records(
    process: Callable[[bytes, State], Optional[Result]],
    prepare: Callable[[], State],
    *,
    end: bytes = b"\n",
    header: int = 0,
    seed: Optional[int] = None,
) -> None: ...


@overload
def serve_records(
    process: Callable[[bytes, Any], Optional[Result]],
    prepare: Optional[Callable[[], State]] = None,
    prepare_slot: Optional[Callable[[State], Any]] = None,
    *,
    end: bytes = b"\n",
    header: int = 0,
    seed: Optional[int] = None,
) -> None: ...


def serve_records(
    process: Callable[[bytes, Any], Optional[Result]],
    prepare: Optional[Callable[[], Any]] = None,
    prepare_slot: Optional[Callable[[Any], Any]] = None,
    *,
    end: bytes = b"\n",
    header: int = 0,
    seed: Optional[int] = None,
) -> None:
    """Calls `process(record, state)` for each record: a line, or other bytes that end with `end`.

    The record comes without its end. The result takes the record's place in the output, and
    gets an end; None leaves the record out; an iterable of bytes puts several in its place.
    (An array of numbers larger than a byte is a TypeError here.)
    The first `header` records of each chunk (fanfold's --header) pass unchanged. Use `serve`
    for records that contain their end, such as those of --format csv or -L: a chunk fails if
    it splits into more or fewer records than fanfold has counted.
    """
    if not end:
        raise ValueError("records need an end")
    _check_parameters(process, "record")

    def process_chunk(chunk: bytes, state: Any) -> bytes:
        records = chunk.split(end)
        if not records[-1]:
            del records[-1]  # behind the last end
        _check_count(len(records) - header, end)
        results: list[Part] = list(records[:header])
        number, record = 0, b""
        try:
            for number, record in enumerate(records[header:], header + 1):
                result = process(record, state)
                if result.__class__ is bytes:
                    results.append(result)  # type: ignore[arg-type]
                elif result is not None:
                    results.extend(_parts_of(result, of_record=True))
        except BaseException:
            _remember_record(number, record)
            raise
        results.append(b"")  # so that the last has an end, too
        return end.join(results)

    serve(process_chunk, prepare, prepare_slot, seed=seed)


def _check_parameters(process: Callable[..., Any], what: str) -> None:
    """`process` takes two arguments, as far as can be seen, though there may be no state."""
    import inspect  # fanfold.map, which needs it not, starts sooner

    try:
        signature = inspect.signature(process)
    except (TypeError, ValueError):  # not every callable in C says
        return
    try:
        signature.bind(b"", None)
    except TypeError as wrong:
        name = getattr(process, "__name__", "process")
        raise TypeError(f"{name} is called as {name}({what}, state): {wrong}") from None


def _check_count(found: int, end: bytes) -> None:
    told = _task.records  # 0: not counted, as by hand
    if told and told != _MANY_RECORDS and found != told:
        raise ValueError(
            f"the chunk has {told} records as fanfold cuts them, and {found} that end with {end!r}: serve_records "
            "needs the same end (and header=N with --header N); for other formats take fanfold.serve"
        )


def _remember_record(number: int, record: bytes) -> None:
    global _record_at_hand
    shown = repr(record[:60])[1:] + ("..." if len(record) > 60 else "")
    _record_at_hand = f"record {number} of the chunk, {shown}\n"


# ---- results ----


def _parts_of(result: Any, of_record: bool = False) -> list[Part]:
    """A result in pieces that are ours alone; raises a TypeError that says what is wrong with it."""
    part = _part_of(result, of_record)
    if part is not None:
        return [part]
    if result is None:
        raise TypeError("process returned None, not bytes: does it lack a return? (b'' is an empty result)")
    kind = _kind_of(result)
    if isinstance(result, str):
        raise TypeError(f"process returned {kind}, not bytes: .encode() it")
    if isinstance(result, (Mapping, set, frozenset)):
        raise TypeError(f"process returned {kind}, not bytes or an iterable of bytes in their order")
    if _is_scalar(result) or not isinstance(result, Iterable):
        raise TypeError(f"process returned {kind}, not bytes or an iterable of bytes{_hint_at(result)}")
    parts: list[Part] = []
    for value in result:
        part = _part_of(value, of_record)
        if part is None:
            place = f"an iterable whose item {len(parts)} is {_kind_of(value)}"
            raise TypeError(f"process returned {place}, not bytes{_hint_at(value)}")
        parts.append(part)
    return parts


def _part_of(value: Any, of_record: bool) -> Optional[Part]:
    """The bytes of an object of bytes; None if it is something else."""
    if value.__class__ is bytes:
        return value  # type: ignore[no-any-return]
    if not isinstance(value, (bytes, bytearray)) and (isinstance(value, str) or _is_scalar(value)):
        return None
    try:
        view = memoryview(value)
    except (TypeError, ValueError, BufferError):
        return None
    if not _is_memory(view):
        return None
    if of_record and (view.itemsize > 1 or view.format == "?"):
        raise TypeError(
            f"process returned {_kind_of(value)} of {getattr(value, 'dtype', view.format)}, not bytes: "
            "write its numbers as text, or .tobytes() it"
        )
    if view.obj.__class__ is bytes and view.format == "B" and view.ndim == 1 and view.c_contiguous:
        return view  # of what nobody can change
    return view.tobytes()


def _is_scalar(value: object) -> bool:
    """A number, and whatever numpy holds one of. Most have a buffer, of one item without dimensions."""
    if isinstance(value, (int, float, complex)):
        return True
    numpy = sys.modules.get("numpy")
    if numpy and isinstance(value, (numpy.generic, numpy.ndarray)):
        return not getattr(value, "ndim", 1)
    return False


def _is_memory(view: memoryview) -> bool:
    """False for one item without dimensions, and for pointers to objects, text, and bytes that are padded."""
    import re

    form = re.sub(r":[^:]*:", "", view.format)  # the names of fields
    return view.ndim > 0 and not ("O" in form or form[-1:] in "uw" or (form[-1:] == "s" and view.itemsize > 1))


def _kind_of(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _hint_at(value: object) -> str:
    if isinstance(value, str):
        return ": .encode() it"
    return ": str(it).encode() is its text" if _is_scalar(value) else ""


# ---- failures ----


def _describe(error: BaseException) -> bytes:
    """The traceback from user code on; only the end of a long one."""
    import traceback

    global _record_at_hand
    opening, _record_at_hand = _record_at_hand, ""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename == _OWN_FILE:
        trace = trace.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, trace))
    except Exception:  # its own __str__ fails
        text = f"{type(error).__name__}\n"
    head, tail = opening.encode(errors="replace"), text.strip().encode(errors="replace")
    room = _MESSAGE_BYTES - len(head)
    return head + (tail if len(tail) <= room else b"[...]" + tail[-(room - 5) :])


# ---- streams ----


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Takes standard input and output for ourselves: user code gets an empty input, and stderr."""
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    _redirect_prints()
    return _open(source, sink)


def _open(source: int, sink: int) -> tuple[BinaryIO, BinaryIO]:
    return open(source, "rb", _BUFFER_BYTES), open(sink, "wb", _BUFFER_BYTES)


def _redirect_prints() -> None:
    os.dup2(2, 1)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    _flush_prints()


def _flush_prints() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()


# ---- the beginning of a slot ----


def _prepare(program: _Program) -> Any:
    if program.seed is not None:
        import random  # noqa: F401 - before the first chunk, so that it is seeded for that

        _seed(f"{program.seed}")
    if not program.prepare:
        return None
    pid = os.getpid()
    state = program.prepare()
    _end_stray(pid)
    return state


def _begin_slot(program: _Program, state: Any, slot: int) -> Any:
    """The state of this slot."""
    global _task
    _task = Task(0, 1, 0, slot)
    if not program.prepare_slot:
        return state
    if program.seed is not None:
        _seed(f"{program.seed}")
    pid = os.getpid()
    own = program.prepare_slot(state)
    _end_stray(pid)
    return state if own is None else own


def _end_stray(pid: int) -> None:
    """Ends a child that user code forked, and that came back."""
    if os.getpid() != pid:
        _flush_prints()
        os._exit(0)


def _seed(text: str) -> None:
    import hashlib

    digest = hashlib.sha512(text.encode()).digest()
    sys.modules["random"].seed(digest)
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed(struct.unpack("16I", digest))


def _seed_apart() -> None:
    """A forked slot has the prepared state of numpy's generator. Python seeds its own after a fork."""
    if numpy_random := sys.modules.get("numpy.random"):
        try:
            numpy_random.seed()
        except Exception as error:  # the user has put another generator there
            _warn(f"all slots draw the same numbers from numpy.random ({error}): seed it in prepare_slot")


def _warn(text: str) -> None:
    print(f"fanfold.py: {text}", file=sys.stderr)


# ---- by hand ----


def _serve_one(program: _Program, source: BinaryIO, sink: BinaryIO) -> None:
    """All of standard input is one chunk. An exception of `process` goes to the caller."""
    state = _begin_slot(program, _prepare(program), 1)
    with source, sink:
        chunk, pid = source.read(), os.getpid()
        if program.seed is not None:
            _seed(f"{program.seed} 0")
        try:
            parts = _parts_of(program.process(chunk, state))
        except BaseException:
            sys.stderr.write(_record_at_hand)
            raise
        _end_stray(pid)
        sink.writelines(parts)


# ---- FRAMES/1 ----


def _respond(sink: BinaryIO, kind: bytes, number: int, parts: list[Part]) -> None:
    sink.write(_RESPONSE.pack(_MAGIC, kind, number, sum(map(len, parts))))
    sink.writelines(parts)
    sink.flush()


def _run(program: _Program, chunk: bytes, state: Any) -> tuple[bytes, list[Part]]:
    try:
        if program.seed is not None:
            _seed(f"{program.seed} {_task.seq}")
        return _OK, _parts_of(program.process(chunk, state))
    except BaseException as error:  # sys.exit() too: the next chunk may do better
        return _ERROR, [_describe(error)]


def _serve_frames(program: _Program, state: Any, slot: int, source: BinaryIO, sink: BinaryIO) -> None:
    """Answers requests until there are no more, or nobody reads the answers."""
    global _task
    pid = os.getpid()
    with contextlib.suppress(BrokenPipeError), source, sink:
        _respond(sink, _READY, 0, [])
        while len(head := source.read(_REQUEST.size)) == _REQUEST.size:
            number, length, seq, attempt, records = _REQUEST.unpack(head)
            chunk = source.read(length)
            if len(chunk) < length:
                return
            _task = Task(seq, attempt, records, slot)
            kind, parts = _run(program, chunk, state)
            _end_stray(pid)
            _flush_prints()
            _respond(sink, kind, number, parts)
            del chunk, parts  # before the wait for the next


# ---- FORK/1 ----


_Become = Callable[[int, "list[int]", _Program, Any], None]


def _serve_forks(program: _Program, link: socket.socket, become: Optional[_Become] = None) -> None:
    """Prepares, then forks a slot whenever the worker asks, until it goes."""
    with link:
        state = _prepare(program)
        _warn_of_threads()
        die_with_worker = _find_death_signal()
        # The collector does not touch frozen objects, so their memory stays shared.
        gc.collect()
        gc.freeze()
        link.send(_FORK_READY)
        while True:
            message, fds, _, _ = socket.recv_fds(link, _FORK_MESSAGE_BYTES, 3, socket.MSG_CMSG_CLOEXEC)
            if not message:
                return
            number = int(message.split()[1])
            _flush_prints()
            answer = _fork_slot(link, number, fds, die_with_worker, program, state, become or _become_slot)
            for stream in fds:
                os.close(stream)
            link.send(b"slot %d %s" % (number, answer))


def _warn_of_threads() -> None:
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        names = ", ".join(others[:5])
        _warn(f"prepare left threads that slots will not have ({names}): see prepare_slot and --prepare-each")


def _find_death_signal() -> Callable[[], None]:
    """A function that lets the kernel kill this process when its parent dies; without ctypes it does nothing."""
    try:
        import ctypes
        import signal

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return lambda: None
    pr_set_pdeathsig = 1
    return lambda: prctl(pr_set_pdeathsig, int(signal.SIGKILL), 0, 0, 0) and None


def _fork_slot(
    link: socket.socket,
    number: int,
    fds: list[int],
    die_with_worker: Callable[[], None],
    program: _Program,
    state: Any,
    become: _Become,
) -> bytes:
    """The slot's pid, or why there is none.

    A process in between forks the slot and ends at once. So the slot becomes a child of the
    worker, which waits for it; only then do we tell it to continue. (The worker is the
    process that made the link; our own parent may be a shell.)
    """
    if len(fds) != 3:
        return b"error too few descriptors came with the request"
    worker, _, _ = struct.unpack("iii", link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        pids, pid_end = os.pipe()
        go_end, go = os.pipe()
        between = os.fork()
    except OSError as error:
        return b"error " + str(error).encode()
    if between == 0:
        try:
            if os.fork() == 0:
                for end in (pids, go):
                    os.close(end)
                link.close()
                os.setpgid(0, 0)
                os.write(pid_end, b"%d" % os.getpid())
                os.close(pid_end)
                go_on = os.read(go_end, 1)
                os.close(go_end)
                die_with_worker()
                if go_on and os.getppid() == worker:
                    become(number, fds, program, state)
        except OSError as error:
            os.write(pid_end, b"error " + str(error).encode())
        finally:
            os._exit(1)
    for end in (pid_end, go_end):
        os.close(end)
    with contextlib.suppress(ChildProcessError):  # user code ignores SIGCHLD
        os.waitpid(between, 0)
    answer = os.read(pids, 200)
    with contextlib.suppress(BrokenPipeError):
        os.write(go, b"g")
    for end in (pids, go):
        os.close(end)
    return answer or b"error the slot died at once"


def _become_slot(number: int, fds: list[int], program: _Program, state: Any) -> NoReturn:
    status = 1
    try:
        os.environ["FANFOLD_SLOT"] = str(number)
        os.dup2(fds[2], 2)
        os.dup2(2, 1)
        os.close(fds[2])
        source, sink = _open(fds[0], fds[1])
        _seed_apart()
        own = _begin_slot(program, state, number)
        _serve_frames(program, own, number, source, sink)
        status = 0
    except BaseException as error:
        sys.stderr.write(f"fanfold.py: slot {number} ends:\n{_describe(error).decode()}\n")
    finally:
        _flush_prints()
        os._exit(status)


# ---- multiprocessing ----
#
# A child that is spawned, or started by a fork server, imports the program for its functions,
# and the program serves at its top level. Until the child is told who it is, only the stack
# shows that; any thread of it may be asked later.


def _is_child() -> bool:
    """In a process that multiprocessing started, or a package like it."""
    loaded = [sys.modules.get(name) for name in ("multiprocessing.process", "multiprocess.process")]
    if any(process.parent_process() for process in loaded if process):
        return True
    # A child calls the program __mp_main__.
    return any(_starts_child(frame) or frame.f_globals.get("__name__") == "__mp_main__" for frame in _frames())


def _is_imported() -> bool:
    """Some module is on the way in, other than that by which this process was started."""
    for frame in _frames():
        if _starts_child(frame):
            return False
        if frame.f_code.co_name == "<module>":
            return True
    return False


def _frames() -> Iterator[types.FrameType]:
    """From our caller up."""
    frame: Optional[types.FrameType] = sys._getframe(1)
    while frame:
        yield frame
        frame = frame.f_back


def _starts_child(frame: types.FrameType) -> bool:
    package, _, module = str(frame.f_globals.get("__name__")).rpartition(".")
    return package in ("multiprocessing", "multiprocess") and module in ("process", "spawn", "forkserver")


# ---- at the import ----


def _settle_in() -> tuple[Optional[socket.socket], Optional[tuple[BinaryIO, BinaryIO]]]:
    """Takes the streams and variables that belong to the worker and us, before user code prints there,
    and hides them from programs that user code starts."""
    frames = os.environ.pop("FANFOLD_FRAMES", "") == "1"
    fd = os.environ.pop("FANFOLD_FORK", "")
    if _is_child():
        return None, None
    if not fd:
        return None, _take_streams() if frames else None
    os.environ.pop("FANFOLD_SLOT", None)  # of none, or of all
    link = _open_link(int(fd))
    link.set_inheritable(False)
    _redirect_prints()
    return link, None


def _open_link(fd: int) -> socket.socket:
    """Ends the program where somebody has closed it: the worker then starts the program in each slot."""
    with contextlib.suppress(OSError):
        link = socket.socket(fileno=fd)
        if (link.family, link.type) == (socket.AF_UNIX, socket.SOCK_SEQPACKET):
            return link
        link.detach()
    _redirect_prints()
    _warn(
        f"a wrapper around the program (conda run, sudo, subprocess) has closed descriptor {fd}, by which the worker "
        "asks for slots to be forked. Each slot prepares by itself, as with --prepare-each"
    )
    sys.exit(0)


_link, _streams = _settle_in()


# ---- the caller's side ----
#
# A program of mode frames does not load what it does not use.

if TYPE_CHECKING:
    from ._executor import Executor as Executor
    from ._library import RunError as RunError
    from ._map import map as map
    from ._work import RemoteTraceback as RemoteTraceback, WorkerLost as WorkerLost

_HOMES = {
    "Executor": "_executor",
    "RemoteTraceback": "_work",
    "RunError": "_library",
    "WorkerLost": "_work",
    "map": "_map",
}


_ROOMS = ("connector", "joblib")  # modules of the package, for who has only imported fanfold


def __getattr__(name: str) -> Any:
    import importlib

    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
