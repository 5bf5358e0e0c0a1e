# SPDX-License-Identifier: MIT
"""Programs for fanfold-worker --mode frames, in Python 3.9 or later: one file, nothing else.

    import fanfold

    def prepare():                     # once: what is costly
        return load_model("model.bin")

    def process(chunk, model):         # for each chunk: bytes to bytes
        return b"".join(model.classify(line) for line in chunk.splitlines(True))

    fanfold.serve(process, prepare)

    $ fanfold --mode frames -- python3 classify.py < in > out

`prepare` runs once a worker; the process is then forked for every slot, and what was
prepared is shared memory for as long as nobody writes to it. With --prepare-each every slot
runs `prepare` by itself. By hand, or as the command of a process a chunk, the same program
reads its standard input as one chunk and writes the result: python3 classify.py < in > out.

Results alone go to standard output. What `print` and child processes write there goes to
standard error, and standard input is empty: under the worker from the import of this module
on, else from `serve` on. An exception in `process` fails the chunk, with its traceback as
the message; the program lives on.
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
import traceback
from collections.abc import Iterable
from typing import Any, BinaryIO, Callable, NamedTuple, NoReturn, Optional, TypeVar, Union, overload

__all__ = ["Task", "serve", "serve_records", "task"]

State = TypeVar("State")
Bytes = Union[bytes, bytearray, memoryview]
Result = Union[Bytes, Iterable[Bytes]]

# FRAMES/1 and FORK/1, in the appendix of PROTOCOL.md.
_REQUEST = struct.Struct(">QQQII")  # number, length, seq, attempt, records
_RESPONSE = struct.Struct(">3scQQ")  # magic, kind, number of the request, length
_MAGIC = b"\xf4ff"
_OK, _ERROR, _READY = b"+", b"-", b"."
_FORK_READY = b"ready 1"
_FORK_MESSAGE_BYTES = 4096
_MESSAGE_BYTES = 4000  # of a failure; the worker passes on about so many
_BUFFER_BYTES = 1 << 16
_MANY_RECORDS = (1 << 32) - 1  # or more


class Task(NamedTuple):
    """What is known of the chunk at hand, besides its bytes."""

    seq: int  # the chunk's number, from 0
    attempt: int  # from 1
    records: int  # how many there are in it; 0: not counted
    slot: int  # from 1


_OWN_FILE = (lambda: None).__code__.co_filename
_task = Task(0, 1, 0, 1)
_record_at_hand = ""  # which one `process` of serve_records was at when it failed


def task() -> Task:
    """The task that `process` was called for."""
    return _task


@overload
def serve(process: Callable[[bytes, None], Result], prepare: None = None) -> None: ...


@overload
def serve(process: Callable[[bytes, State], Result], prepare: Callable[[], State]) -> None: ...


def serve(process: Callable[[bytes, Any], Result], prepare: Optional[Callable[[], Any]] = None) -> None:
    """Calls `process(chunk, state)` for each chunk, where state is what `prepare()` returned.

    The result is bytes (or another object of bytes: bytearray, memoryview, an array), or an
    iterable of such. Returns when there are no more chunks; in the process that was forked,
    not in its slots, which end.
    """
    if _link:
        _serve_forks(process, prepare, _link)
    elif _streams:
        _serve_frames(process, prepare() if prepare else None, *_streams)
    else:
        _serve_one(process, prepare, *_take_streams())


@overload
def serve_records(
    process: Callable[[bytes, None], Optional[Result]],
    prepare: None = None,
    *,
    end: bytes = b"\n",
    header: int = 0,
) -> None: ...


@overload
def serve_records(
    process: Callable[[bytes, State], Optional[Result]],
    prepare: Callable[[], State],
    *,
    end: bytes = b"\n",
    header: int = 0,
) -> None: ...


def serve_records(
    process: Callable[[bytes, Any], Optional[Result]],
    prepare: Optional[Callable[[], Any]] = None,
    *,
    end: bytes = b"\n",
    header: int = 0,
) -> None:
    """Calls `process(record, state)` for each record: a line, or what else ends with `end`.

    The record comes without its end. The result is the record's in the output, and is given
    an end; None leaves the record out; an iterable of bytes puts several in its place. The
    first `header` records of each chunk (fanfold's --header) are passed on as they are.
    Records that hold their end, such as those of --format csv or -L, are for `serve`: a chunk
    that comes apart into more or fewer than fanfold has counted fails.
    """
    if not end:
        raise ValueError("records need an end")

    def process_chunk(chunk: bytes, state: Any) -> bytes:
        records = chunk.split(end)
        if not records[-1]:
            del records[-1]  # behind the last end
        _check_count(len(records) - header, end)
        results: list[Bytes] = list(records[:header])
        number, record = 0, b""
        try:
            for number, record in enumerate(records[header:], header + 1):
                result = process(record, state)
                if result.__class__ is bytes:
                    results.append(result)  # type: ignore[arg-type]
                elif result is not None:
                    results.extend(_parts_of(result))
        except BaseException:
            _remember_record(number, record)
            raise
        results.append(b"")  # so that the last has an end, too
        return end.join(results)

    serve(process_chunk, prepare)


def _check_count(found: int, end: bytes) -> None:
    told = _task.records  # 0: by hand, nobody has counted
    if told and told != _MANY_RECORDS and found != told:
        raise ValueError(
            f"the chunk has {told} records as fanfold cuts them, and {found} that end with {end!r}: serve_records "
            "needs the same end (and header=N with --header N); for other formats take fanfold.serve"
        )


def _remember_record(number: int, record: bytes) -> None:
    global _record_at_hand
    shown = repr(record[:60])[1:] + ("..." if len(record) > 60 else "")
    _record_at_hand = f"record {number} of the chunk, {shown}\n"


# ---- results and failures ----


def _is_bytes(value: object) -> bool:
    if isinstance(value, (bytes, bytearray)):
        return True
    try:
        memoryview(value)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _flat(value: Any) -> Bytes:
    if isinstance(value, (bytes, bytearray)):
        return value
    view = memoryview(value)
    return view.cast("B") if view.nbytes else b""


def _parts_of(result: Any) -> list[Bytes]:
    """A result in pieces; a TypeError that says what is wrong with it."""
    if _is_bytes(result):
        return [_flat(result)]
    if result is None:
        raise TypeError("process returned None, not bytes: does it lack a return? (b'' is an empty result)")
    if isinstance(result, str):
        raise TypeError("process returned str, not bytes: .encode() it")
    if not isinstance(result, Iterable):
        raise TypeError(f"process returned {type(result).__name__}, not bytes or an iterable of bytes")
    parts: list[Bytes] = []
    for part in result:
        if not _is_bytes(part):
            kind = type(part).__name__
            hint = ": .encode() it" if isinstance(part, str) else ""
            raise TypeError(f"process returned an iterable whose item {len(parts)} is {kind}, not bytes{hint}")
        parts.append(_flat(part))
    return parts


def _describe(error: BaseException) -> bytes:
    """The traceback, from user code on; of a long one the end."""
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
    """Standard input and output for ourselves: user code gets an empty one and stderr."""
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


# ---- by hand ----


def _serve_one(
    process: Callable[[bytes, Any], Result],
    prepare: Optional[Callable[[], Any]],
    source: BinaryIO,
    sink: BinaryIO,
) -> None:
    """All of the standard input is one chunk. What fails is raised."""
    global _record_at_hand
    state = prepare() if prepare else None
    with source, sink:
        try:
            parts = _parts_of(process(source.read(), state))
        except BaseException:
            sys.stderr.write(_record_at_hand)
            raise
        sink.writelines(parts)


# ---- FRAMES/1 ----


def _respond(sink: BinaryIO, kind: bytes, number: int, parts: list[Bytes]) -> None:
    sink.write(_RESPONSE.pack(_MAGIC, kind, number, sum(map(len, parts))))
    sink.writelines(parts)
    sink.flush()


def _run(process: Callable[[bytes, Any], Result], chunk: bytes, state: Any) -> tuple[bytes, list[Bytes]]:
    try:
        return _OK, _parts_of(process(chunk, state))
    except BaseException as error:  # sys.exit() too: the next chunk may do better
        return _ERROR, [_describe(error)]


def _serve_frames(process: Callable[[bytes, Any], Result], state: Any, source: BinaryIO, sink: BinaryIO) -> None:
    """Answers requests until there are none, or nobody wants the answers."""
    global _task
    slot = int(os.environ.get("FANFOLD_SLOT", 1))
    pid = os.getpid()
    with contextlib.suppress(BrokenPipeError), source, sink:
        _respond(sink, _READY, 0, [])
        while len(head := source.read(_REQUEST.size)) == _REQUEST.size:
            number, length, seq, attempt, records = _REQUEST.unpack(head)
            chunk = source.read(length)
            if len(chunk) < length:
                return
            _task = Task(seq, attempt, records, slot)
            kind, parts = _run(process, chunk, state)
            if os.getpid() != pid:
                os._exit(0)  # a child that `process` forked, and that came back
            _flush_prints()
            _respond(sink, kind, number, parts)
            del chunk, parts  # before the wait for the next


# ---- FORK/1 ----


def _serve_forks(
    process: Callable[[bytes, Any], Result], prepare: Optional[Callable[[], Any]], link: socket.socket
) -> None:
    """Prepares, then forks a slot whenever the worker asks, until it goes."""
    with link:
        state = prepare() if prepare else None
        _warn_of_threads()
        die_with_worker = _find_death_signal()
        # What is there now is looked at by no collection any more, and so stays shared.
        gc.collect()
        gc.freeze()
        link.send(_FORK_READY)
        while True:
            message, fds, _, _ = socket.recv_fds(link, _FORK_MESSAGE_BYTES, 3, socket.MSG_CMSG_CLOEXEC)
            if not message:
                return
            number = int(message.split()[1])
            _flush_prints()
            answer = _fork_slot(link, number, fds, die_with_worker, process, state)
            for stream in fds:
                os.close(stream)
            link.send(b"slot %d %s" % (number, answer))


def _warn_of_threads() -> None:
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        names = ", ".join(others[:5])
        print(f"fanfold.py: prepare left threads that slots will not have ({names}): see --prepare-each", file=sys.stderr)


def _find_death_signal() -> Callable[[], None]:
    """Has this process killed when its parent dies; nothing where there is no ctypes."""
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
    process: Callable[[bytes, Any], Result],
    state: Any,
) -> bytes:
    """The slot's pid, or why there is none.

    By a process in between that ends at once: the slot becomes the worker's child, which
    the worker waits for; and only then it is told to go on. (The worker's process is that
    which made the link; our own parent may be a shell.)
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
                    _become_slot(number, fds, process, state)
        except OSError as error:
            os.write(pid_end, b"error " + str(error).encode())
        finally:
            os._exit(1)
    for end in (pid_end, go_end):
        os.close(end)
    with contextlib.suppress(ChildProcessError):  # somebody ignores SIGCHLD
        os.waitpid(between, 0)
    answer = os.read(pids, 200)
    with contextlib.suppress(BrokenPipeError):
        os.write(go, b"g")
    for end in (pids, go):
        os.close(end)
    return answer or b"error the slot died at once"


def _become_slot(number: int, fds: list[int], process: Callable[[bytes, Any], Result], state: Any) -> NoReturn:
    status = 1
    try:
        os.environ["FANFOLD_SLOT"] = str(number)
        os.dup2(fds[2], 2)
        os.dup2(2, 1)
        os.close(fds[2])
        source, sink = _open(fds[0], fds[1])
        _serve_frames(process, state, source, sink)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        _flush_prints()
        os._exit(status)


# ---- at the import ----


def _settle_in() -> tuple[Optional[socket.socket], Optional[tuple[BinaryIO, BinaryIO]]]:
    """Takes what is between the worker and us, before anybody prints there; nor is it for
    programs that user code starts."""
    frames = os.environ.pop("FANFOLD_FRAMES", "") == "1"
    fd = os.environ.pop("FANFOLD_FORK", "")
    if not fd:
        return None, _take_streams() if frames else None
    os.environ.pop("FANFOLD_SLOT", None)  # of none, or of all
    link = socket.socket(fileno=int(fd))
    link.set_inheritable(False)
    _redirect_prints()
    return link, None


_link, _streams = _settle_in()
