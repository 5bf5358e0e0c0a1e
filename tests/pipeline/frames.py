# SPDX-License-Identifier: MIT
"""The worker's part in FRAMES/1 and FORK/1, played for programs under test."""

import contextlib
import ctypes
import os
import re
import signal
import socket
import struct
import subprocess
from pathlib import Path

from harness import build_directory

PR_SET_CHILD_SUBREAPER = 36
assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


class Frames:
    """Requests to a program, and what it answers."""

    def __init__(self, requests, responses):
        self.requests = requests
        self.responses = responses
        self.next_request = 1 << 40  # no program can know that
        self.next_response = self.next_request

    def give(self, chunk, length=None, seq=0, attempt=1, records=0):
        length = len(chunk) if length is None else length
        self.requests.write(struct.pack(">QQQII", self.next_request, length, seq, attempt, records) + chunk)
        self.requests.flush()
        self.next_request += 1

    def take(self):
        """A response: its kind and its bytes."""
        head = self.responses.read(20)
        assert len(head) == 20, f"{head!r} in place of a response"
        magic, kind, number, length = struct.unpack(">3scQQ", head)
        assert magic == b"\xf4ff", head
        if kind == b".":
            assert (number, length) == (0, 0), head
        else:
            assert number == self.next_response, f"answered request {number} instead of request {self.next_response}"
            self.next_response += 1
        body = self.responses.read(length)
        assert len(body) == length, f"{len(body)} bytes of {length}"
        return kind.decode(), body

    def ask(self, chunk, **more):
        self.give(chunk, **more)
        return self.take()

    def expect(self, chunk, result):
        answer = self.ask(chunk)
        assert answer == ("+", result), answer

    def expect_failure(self, chunk, *words):
        """The message, which has all of these in it."""
        kind, message = self.ask(chunk)
        assert kind == "-", (kind, message)
        for word in words:
            assert word.encode() in message, f"no {word!r} in {message.decode()}"
        return message.decode()

    def close(self):
        self.requests.close()
        assert self.responses.read() == b"", "something comes behind the last response"
        self.responses.close()


class Language:
    """How programs in it begin, and what runs them."""

    def __init__(self, interpreter, suffix, opening):
        self.interpreter = interpreter
        self.suffix = suffix
        self.opening = opening

    def script(self, case, body):
        return case.file(f"program{self.suffix}", (self.opening + body).encode())

    @staticmethod
    def environment(**more):
        sdk = str(build_directory() / "worker" / "sdk")
        return {"PYTHONPATH": sdk, "FANFOLD_SDK": sdk, "PYTHONUNBUFFERED": "", **more}

    def start(self, case, body, pass_fds=(), **more):
        variables = {name: more.pop(name) for name in list(more) if name.isupper()}
        script = self.script(case, body)
        return case.start(self.interpreter, script, env=self.environment(**variables), pass_fds=pass_fds, **more)

    def by_hand(self, case, body, stdin, **variables):
        run = self.start(case, body, stdin=stdin, **variables)
        run.status = run.wait()
        return run


PYTHON = Language("/usr/bin/python3", ".py", "import fanfold, os, sys\n")
R = Language("Rscript", ".R", 'source(file.path(Sys.getenv("FANFOLD_SDK"), "fanfold.R"))\n')


class Program(Frames):
    """A program that prepares by itself."""

    def __init__(self, case, language, body, **variables):
        pipe = subprocess.PIPE
        variables = {"FANFOLD_FRAMES": "1", "FANFOLD_SLOT": "3", **variables}
        self.process = language.start(case, body, stdin=pipe, stdout=pipe, **variables)
        super().__init__(self.process.popen.stdin, self.process.popen.stdout)

    def ready(self):
        assert self.take() == (".", b"")
        return self

    def end(self):
        self.close()
        self.process.expect(0)


class Slot(Frames):
    def __init__(self, pid, number, streams):
        self.pid = pid
        self.number = number
        requests, responses, errors = streams
        super().__init__(open(requests, "wb"), open(responses, "rb"))
        self.errors = open(errors, "rb")

    def wait(self):
        """Its exit status, or minus its signal; it is our child."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def end(self):
        self.close()
        assert self.wait() == 0
        said = self.errors.read().decode()
        self.errors.close()
        return said


class ForkServer:
    """A program that prepares once, and is forked to slots."""

    def __init__(self, case, language, body):
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        fd = theirs.fileno()
        variables = {"FANFOLD_FRAMES": "1", "FANFOLD_FORK": str(fd)}
        self.process = language.start(case, body, stdout=subprocess.DEVNULL, pass_fds=[fd], **variables)
        theirs.close()
        self.link.settimeout(60)

    def ready(self):
        said = self.link.recv(100)
        assert said == b"ready 1", said
        return self

    def fork(self, number):
        slot = self.begin(number)
        assert slot.take() == (".", b"")
        return slot

    def begin(self, number):
        """A slot that may not be ready yet."""
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        ours = [pipes[0][1], pipes[1][0], pipes[2][0]]
        socket.send_fds(self.link, [b"slot %d" % number], theirs)
        for fd in theirs:
            os.close(fd)
        answer = self.link.recv(100).decode()
        found = re.fullmatch(rf"slot {number} (\d+)", answer)
        assert found, answer
        return Slot(int(found[1]), number, ours)

    def end(self):
        self.link.close()
        self.process.expect(0)


# ---- what holds in every language ----


def check_order(program, end=b""):
    """Of one that answers in upper case, and gives a last line its end."""
    for number in range(3):
        program.give(b"chunk %d" % number + end, seq=number)
    assert [program.take() for _ in range(3)] == [("+", b"CHUNK %d" % n + end) for n in range(3)]
    program.expect(b"", b"")


def check_preparation(program, answer, prepared):
    """Of one that counts its calls, prints as it prepares, and once more at its end."""
    program.expect(b"x", answer % 1)
    program.expect(b"x", answer % 2)
    program.end()
    assert program.process.stderr() == f"{prepared}\nthe end\n", program.process.stderr()


def check_task(program, answer):
    """Of one that answers with its task: seq, attempt, records, slot."""
    assert program.ask(b"x", seq=1 << 40, attempt=7, records=9) == ("+", answer % (1 << 40, 7, 9, 3))
    program.end()


def check_lonely_end(case, language, body):
    """Nobody takes its responses any more; its request ends in the middle."""
    program = Program(case, language, body).ready()
    program.give(b"x" * 100)
    program.responses.close()
    for _ in range(2):
        with contextlib.suppress(BrokenPipeError):
            program.give(b"x" * 1000000)
    with contextlib.suppress(BrokenPipeError):
        program.requests.close()
    program.process.expect(0)
    cut = Program(case, language, body).ready()
    cut.give(b"half", length=100)
    cut.end()
    assert program.process.stderr() + cut.process.stderr() == ""


def check_slots(server, numbers, answer, process_said, server_said):
    """All of them at once; each answers `x` with its number, twice."""
    slots = [server.fork(number) for number in numbers]
    assert len({slot.pid for slot in slots} | {server.process.pid}) == len(numbers) + 1
    for slot in slots:
        slot.expect(b"x", answer % (slot.number, slot.number))
        assert f"\nPPid:\t{os.getpid()}\n" in Path(f"/proc/{slot.pid}/status").read_text()
        assert os.getpgid(slot.pid) == slot.pid
    for slot in slots:
        assert slot.end() == process_said
    server.end()
    assert server.process.stderr() == server_said, server.process.stderr()


def check_replacement(server, deadly, answer):
    """One slot ends with status 3 by a chunk, another is killed, and all is as before."""
    slot = server.fork(1)
    slot.give(deadly)
    assert slot.responses.read() == b""
    assert slot.wait() == 3
    again = server.fork(1)
    again.expect(b"x", answer % (1, 1))
    os.kill(again.pid, signal.SIGKILL)
    assert again.wait() == -signal.SIGKILL
    server.fork(1).end()
    server.end()
    assert server.process.stderr().count("prepared") == 1


def check_failed_preparation(case, language, body, status):
    """Only where the status is 1 it has words, `no model`."""
    server = ForkServer(case, language, body)
    assert server.link.recv(100) == b""
    server.process.expect(status)
    assert ("no model" in server.process.stderr()) == (status == 1), server.process.stderr()
    assert "never" not in server.process.stderr()
