# SPDX-License-Identifier: MIT
"""Programs in Python and R that prepare once a worker, and whose slots share what they made.

`pytest test_sdk.py --size 500M -k share` measures with a larger object than tests/run has the time for.
"""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from frames import PYTHON, R
from harness import option

SLOTS = 8
SIZE = option("size", 64 << 20)
SHARE = 1.5  # of one copy, in all slots together

PYTHON_BODY = """
import array, zlib
def note(word):
    with open(os.environ["NOTES"], "ab", 0) as notes:
        notes.write(b"%s %d\\n" % (word, os.getpid()))
def prepare():
    note(b"prepared")
    size = int(os.environ["SIZE"])
    return b"x" * (size // 2), bytearray(b"y" * (size // 4)), array.array("d", [1.5]) * (size // 32)
def process(chunk, state):
    if chunk == b"hang\\n":
        note(b"hangs")
        while True:
            pass
    zlib.crc32(state[0]), state[1].count(b"z"), sum(state[2])
    note(b"served")
    return chunk.upper()
fanfold.serve(process, prepare)
note(b"left")
"""

R_BODY = """
note <- function(word) {
    line <- paste0(word, " ", Sys.getpid(), "\\n")  # cat writes word by word
    cat(line, file = Sys.getenv("NOTES"), append = TRUE)
}
prepare <- function() {
    note("prepared")
    numeric(as.numeric(Sys.getenv("SIZE")) / 8) + 1
}
process <- function(lines, state) {
    if (identical(lines, "hang")) {
        note("hangs")
        repeat {}
    }
    sum(state)
    note("served")
    toupper(lines)
}
fanfold_serve(process, prepare, text = TRUE)
note("left")
"""

BODIES = {PYTHON: PYTHON_BODY, R: R_BODY}


def parent_of(pid):
    try:
        return int(re.search(r"^PPid:\t(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.M)[1])
    except OSError:
        return 0


def name_of(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Run:
    """A worker of eight slots over such a program; lines go in while the test looks."""

    def __init__(self, case, language, size=0, options=(), stdin=subprocess.PIPE):
        self.case = case
        self.notes = case.path("notes")
        self.notes.write_bytes(b"")
        script = language.script(case, BODIES[language])
        endpoints = case.endpoints()
        env = {"NOTES": str(self.notes), "SIZE": str(size)}
        self.worker = case.start(
            "fanfold-worker",
            *[*endpoints[:2], "-j", SLOTS, "--mode", "frames", *options, "--", language.interpreter, script],
            env=env,
        )
        self.sink = case.start("fanfold-sink", *endpoints)
        options = [*endpoints[:2], "-N", "1"]
        self.ventilator = case.start("fanfold-ventilator", *options, stdin=stdin)
        self.sent = b""

    def noted(self, word):
        """The pids that noted it, one each time."""
        return [int(pid) for pid in re.findall(rf"^{word} (\d+)$", self.notes.read_text(), re.M)]

    def send(self, count, word="line"):
        lines = b"".join(b"%s %d\n" % (word.encode(), n) for n in range(count))
        self.sent += lines
        self.ventilator.stdin.write(lines)
        self.ventilator.stdin.flush()

    def fork_server(self):
        """The process of ours that has program and slots below it."""
        return next((pid for pid in self.case.leftovers() if name_of(pid) == "fanfold-prepare"), None)

    def family(self):
        """The prepared program and its slots."""
        server = self.fork_server()
        return {pid for pid in self.case.leftovers() if server and parent_of(pid) == server}

    def slots(self):
        """Once they are all there, without the program that they are forks of."""

        def all_slots():
            slots = self.family() - set(self.noted("prepared"))
            return slots if len(slots) == SLOTS else None

        return self.case.wait_for(all_slots, "all slots to be there")

    def serve_in_all(self):
        """Each slot has served a chunk."""
        slots = self.slots()

        def all_served():
            if len(self.noted("served")) >= self.sent.count(b"\n"):
                self.send(4 * SLOTS)
            return slots <= set(self.noted("served"))

        self.case.wait_for(all_served, "all slots to have served", 60)
        return slots

    def end(self):
        """All went well, and the output is right."""
        self.ventilator.stdin.close()
        for process in (self.ventilator, self.sink, self.worker):
            process.expect(0)
        assert self.sink.output() == self.sent.upper(), "the output is not that of one process"


def prepares_once(case, language):
    run = Run(case, language)
    slots = run.serve_in_all()
    assert len(run.noted("prepared")) == 1, run.noted("prepared")
    (program,) = run.noted("prepared")
    assert program not in slots and program not in run.noted("served")
    run.end()
    assert len(run.noted("prepared")) == 1
    assert run.noted("left") == [program], "it ends in its own way, its slots do not"


def replaces_slots(case, language):
    run = Run(case, language)
    dead = set()
    for _ in range(3):
        slots = run.serve_in_all()
        assert not slots & dead
        victim = min(slots)
        os.kill(victim, signal.SIGKILL)
        dead.add(victim)
        case.wait_for(lambda victim=victim: victim not in run.family(), "the slot to be gone")
    run.serve_in_all()
    assert len(run.noted("prepared")) == 1, run.noted("prepared")
    run.end()


def measure(case, language, size):
    run = Run(case, language, size)
    run.serve_in_all()
    family = run.family()
    assert len(family) == SLOTS + 1
    shared, each = case.proportional_bytes(family), case.resident_bytes(family)
    run.end()
    return shared, each


def shares(case, language):
    # What the interpreters have for themselves, nine times, is no copy of the object.
    base, _ = measure(case, language, 0)
    shared, each = measure(case, language, SIZE)
    copies = (shared - base) / SIZE
    print(f"MiB, program and {SLOTS} slots: {shared >> 20} proportional ({each >> 20} resident),")
    print(f"{base >> 20} without the object of {SIZE >> 20}: {copies:.2f} copies")
    assert each > SLOTS * SIZE, "the slots have not looked at it"
    assert copies < SHARE, f"{copies:.2f} copies of the object"


def replaces_no_program(case, language):
    run = Run(case, language)
    run.serve_in_all()
    (program,) = run.noted("prepared")
    os.kill(program, signal.SIGKILL)
    run.worker.expect(5)
    assert "the process that forks the slots was killed by signal 9" in run.worker.stderr(), run.worker.stderr()
    case.wait_for(lambda: not run.family(), "the slots to be gone")
    for process in (run.ventilator, run.sink):
        process.signal(signal.SIGKILL)


def leaves_nothing(case, language):
    run = Run(case, language)
    run.serve_in_all()
    # More than slots: two may wait in one that was at something short.
    run.ventilator.stdin.write(b"hang\n" * SLOTS * 8)
    run.ventilator.stdin.flush()
    case.wait_for(lambda: len(set(run.noted("hangs"))) == SLOTS, "all slots to hang")
    run.worker.signal_group(signal.SIGKILL)  # supervisor and fork server are in it, slots are not
    for process in (run.ventilator, run.sink):
        process.signal(signal.SIGKILL)
    case.assert_no_leftovers()


def test_a_python_program_prepares_once_for_eight_slots(case):
    prepares_once(case, PYTHON)


def test_an_r_program_prepares_once_for_eight_slots(case):
    prepares_once(case, R)


def test_a_python_slot_that_is_killed_is_replaced_without_preparing_again(case):
    replaces_slots(case, PYTHON)


def test_an_r_slot_that_is_killed_is_replaced_without_preparing_again(case):
    replaces_slots(case, R)


@pytest.mark.deadline(300)
def test_slots_share_the_memory_of_an_object_in_python(case):
    shares(case, PYTHON)


@pytest.mark.deadline(300)
def test_slots_share_the_memory_of_an_object_in_r(case):
    shares(case, R)


def test_the_worker_ends_when_the_prepared_program_is_killed(case):
    replaces_no_program(case, PYTHON)


def test_a_worker_that_is_killed_with_supervisor_and_fork_server_leaves_no_python_slot_behind(case):
    leaves_nothing(case, PYTHON)


def test_a_worker_that_is_killed_with_supervisor_and_fork_server_leaves_no_r_slot_behind(case):
    leaves_nothing(case, R)


def test_a_worker_that_is_ended_while_its_program_prepares_leaves_nothing_behind(case):
    script = PYTHON.script(case, "def prepare():\n    print('begun')\n    os.read(os.pipe()[0], 1)\nfanfold.serve(print, prepare)\n")
    for number in (signal.SIGINT, signal.SIGKILL):
        worker = case.start("fanfold-worker", "--mode", "frames", "--", PYTHON.interpreter, script)
        worker.wait_for_stderr("^begun$")
        worker.signal(number)
        worker.expect(128 + number)
        case.assert_no_leftovers()


def test_every_slot_prepares_where_that_is_asked_for(case):
    run = Run(case, PYTHON, options=["--prepare-each"])
    case.wait_for(lambda: len(set(run.noted("prepared"))) == SLOTS, "all slots to have prepared")
    assert run.fork_server() is None
    run.send(100)
    run.end()
    assert set(run.noted("served")) <= set(run.noted("prepared"))


def test_a_worker_whose_program_cannot_prepare_ends_with_its_words(case):
    script = PYTHON.script(case, "def prepare():\n    raise LookupError('no model here')\nfanfold.serve(print, prepare)\n")
    run = case.run("fanfold-worker", "--mode", "frames", "--", PYTHON.interpreter, script)
    run.expect(126)
    assert "LookupError: no model here" in run.stderr(), run.stderr()
    assert run.stderr().endswith(": ended with status 1 while it prepared\n"), run.stderr()


UNFORKING = """
import os, socket
link = socket.socket(fileno=int(os.environ["FANFOLD_FORK"]))
link.send(b"ready 1")
while True:
    request, fds, _, _ = socket.recv_fds(link, 100, 3)
    if not request:
        break
    for fd in fds:
        os.close(fd)
    link.send(request + b" error no room in the inn")
"""


def test_a_program_that_never_forks_a_slot_ends_the_worker_with_its_words(case):
    script = case.file("unforking.py", UNFORKING.encode())
    run = case.run("fanfold", "--mode", "frames", "-j2", "--", "/usr/bin/python3", script, stdin=b"a\n", deadline=90)
    assert run.status == 4, (run.status, run.stderr())
    assert run.stderr().count("not_forked") == 1, run.stderr()
    words = 'cannot start the program in slot [12]: it does not fork the slot, and says "no room in the inn"'
    assert re.search(words, run.stderr()), run.stderr()
    case.assert_no_leftovers()


# What prepared much takes long to fork: here each of a slot's two forks does.
SLOW_FORK = """
import fanfold, os, select
def prepare():
    os.register_at_fork(before=lambda: select.select([], [], [], 5.1))
fanfold.serve_records(lambda line, state: line.upper(), prepare)
"""


def test_a_slot_that_takes_more_than_ten_seconds_to_fork_is_waited_for_with_a_word(case):
    script = case.file("slow_fork.py", SLOW_FORK.encode())
    run = case.run("fanfold", "-j1", "--mode", "frames", "--", PYTHON.interpreter, script, stdin=b"a\n")
    run.expect(0)
    assert run.output() == b"A\n"
    assert run.stderr().count("slow_fork slot=1") == 1, run.stderr()


def test_a_launcher_starts_a_worker_again_whose_prepared_program_was_killed(case):
    notes = case.path("notes")
    script = PYTHON.script(case, PYTHON_BODY)
    run = case.start(
        "fanfold", *["-j2", "-N1", "--mode", "frames", "--", PYTHON.interpreter, script],
        stdin=subprocess.PIPE, env={"NOTES": str(notes), "SIZE": "0"},
    )
    run.stdin.write(b"a\n")
    run.stdin.flush()
    case.wait_for(lambda: notes.exists() and "served" in notes.read_text(), "a chunk to be served")
    os.kill(int(re.search(r"prepared (\d+)", notes.read_text())[1]), signal.SIGKILL)
    case.wait_for(lambda: notes.read_text().count("prepared") == 2, "another preparation")
    run.stdin.write(b"b\n")
    run.stdin.close()
    run.expect(0)
    assert run.output() == b"A\nB\n"


def test_slots_are_the_workers_where_a_shell_stands_between(case):
    for language in (PYTHON, R):
        script = language.script(case, BODIES[language])
        line = f"NOTES=/dev/null SIZE=0 {language.interpreter} {script}; exit"
        run = case.run("fanfold", "-j2", "--mode", "frames", "--shell", "--", line, stdin=b"x\ny\n")
        run.expect(0)
        assert run.output() == b"X\nY\n", run.stderr()


def test_a_slot_that_takes_too_much_memory_is_ended_and_its_program_is_not(case):
    body = """
def process(chunk, state):
    if chunk == b"much\\n":
        much = [b"x" * (1 << 20) * 300, os.read(fanfold_pipe, 1)]
    return b"%d %d\\n" % (len(state), fanfold.task().attempt)
fanfold_pipe, _ = os.pipe()
fanfold.serve(process, lambda: b"y" * (100 << 20))
"""
    script = PYTHON.script(case, body)
    arguments = ["-j2", "-N1", "--memory", "200M", "--retries", "1", "--on-error", "skip", "--mode", "frames"]
    run = case.run("fanfold", *arguments, "--", PYTHON.interpreter, script, stdin=b"much\nlittle\nlittle\n")
    run.expect(1)
    assert run.output() == b"%d 1\n" % (100 << 20) * 2, run.stderr()
    letter = case.path("fanfold.dead-letters/000001.json").read_text()
    assert "--memory allows 200.0 MiB" in letter, letter


def test_programs_find_the_modules_after_their_own(case):
    show = "import fanfold, sys; print(fanfold.__file__, sys.path[1:], file=sys.stderr); fanfold.serve(lambda c, s: c)"
    mine = case.path("mine")
    mine.mkdir()
    for path in ("", str(mine)):
        arguments = ["-j1", "--mode", "frames", "--", PYTHON.interpreter, "-c", show]
        run = case.run("fanfold", *arguments, stdin=b"x\n", env={"PYTHONPATH": path})
        run.expect(0)
        found = re.search(r"^(\S+)/fanfold/__init__.py \['(.*?)', '(.*?)'", run.stderr(), re.M)
        assert found, run.stderr()
        assert found[1] == (found[3] if path else found[2]) and (not path or found[2] == path), run.stderr()
