# SPDX-License-Identifier: MIT
"""Many small results wait for an older one: exact, within the memory the manual names, and
at a work for each that does not grow with how many wait.
"""

import re
import shutil
import sys
from pathlib import Path

import pytest
from harness import Skip, build_directory
from resuming import kill_everything, position_of

MIB = 1 << 20
BUFFER = "1M"
RESULT_COST = 448  # fanfold-sink(1): bytes that a result takes beside its own, at most
SMALL = 64  # bytes of a result that never leaves memory, at most
REST = 24 * MIB  # the program, its libraries, ZeroMQ's queues

BEHIND = 512  # chunks that a worker may have in hand

# The chunk is a line, a number. That of $HELD waits at the gate; the others say that they came.
PROGRAM = """
import os, fanfold
size, held = int(os.environ["SIZE"]), os.environ["HELD"].encode()
notes = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

def answer(chunk, _):
    chunk = bytes(chunk).rstrip()
    if chunk == held:
        open(os.environ["GATE"], "rb").close()
    else:
        os.write(notes, b".")
    return chunk.ljust(size - 1, b".") + b"\\n"

fanfold.serve(answer)
"""


class Waiting:
    """A run of `window` results of `size` bytes, of which that of `held` waits at a gate."""

    def __init__(self, case, window, size, held=0):
        self.case, self.window, self.size, self.held = case, window, size, held
        self.notes, self.gate = case.path("notes"), case.gate()
        self.lines = case.file("lines", b"".join(b"%d\n" % i for i in range(window)))
        self.program = case.file("program.py", PROGRAM.encode())
        self.output = case.path("output")

    def start(self, *options):
        self.notes.write_bytes(b"")
        words = ["-j2", "-N1", "--window", self.window, "--buffer", BUFFER, "--log-level", "info", "--mode", "frames"]
        words += [*options, "-i", self.lines, "-o", self.output, "--", sys.executable, self.program]
        env = {"SIZE": str(self.size), "HELD": str(self.held), "NOTES": str(self.notes), "GATE": str(self.gate)}
        return self.case.start("fanfold", *words, env=env)

    def wait_until_the_others_came(self):
        """All but those that a worker has got behind the one that is held."""
        self.case.wait_for(lambda: self.notes.stat().st_size >= self.window - BEHIND, "the others to come", 60)

    def assert_output(self):
        expected = b"".join((b"%d" % i).ljust(self.size - 1, b".") + b"\n" for i in range(self.window))
        assert self.output.read_bytes() == expected


def peak_of(pid):
    """Bytes of memory that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.M)[1]) << 10


def counts_of_sink(run):
    line = re.search(r"^fanfold-sink: info end .* parked=(\d+) spilled=(\d+)", run.stderr(), re.M)
    return int(line[1]), int(line[2])


@pytest.mark.deadline(180)
@pytest.mark.parametrize("size", [20, 300])
def test_the_widest_window_of_tiny_results_stays_within_the_memory_the_manual_names(case, size):
    waiting = Waiting(case, 131072, size)
    run = waiting.start()
    waiting.wait_until_the_others_came()
    (sink,) = case.pids_of("fanfold-sink")
    peak = peak_of(sink)
    waiting.gate.open()
    while run.running():
        try:
            peak = max(peak, peak_of(sink))
        except (OSError, TypeError):
            break
    run.expect(0)
    waiting.assert_output()
    parked, spilled = counts_of_sink(run)
    print(f"{size} bytes: peak {peak / MIB:.1f} MiB, parked {parked}, spilled {spilled}")
    assert parked >= waiting.window - 1
    assert spilled == (parked * size if size > SMALL else 0)
    assert peak < waiting.window * (RESULT_COST + min(size, SMALL)) + REST


@pytest.mark.deadline(120)
@pytest.mark.parametrize("size", [100, 5000])
def test_small_results_that_wait_in_the_file_survive_a_kill_of_all(case, size):
    waiting = Waiting(case, 8192, size, held=3000)
    waiting.start()
    waiting.wait_until_the_others_came()
    case.wait_for(lambda: position_of(waiting.output) == waiting.held, "what goes before it to be committed")
    kill_everything(case)
    waiting.gate.open()
    run = waiting.start("--resume")
    run.expect(0)
    waiting.assert_output()


def instructions_of(valgrind, case, window, size):
    program = build_directory() / "tests/unit/sink/waiting_work"
    run = case.run(
        valgrind,
        *["--tool=callgrind", f"--callgrind-out-file={case.path('callgrind')}"],
        *[program, window, size, 500000],
        deadline=170,
    )
    run.expect(0)
    return int(re.search(r"Collected : (\d+)", run.stderr())[1])


@pytest.mark.deadline(240)
def test_the_work_a_result_does_not_grow_with_how_many_wait(case):
    valgrind = shutil.which("valgrind")
    if not valgrind:
        raise Skip("valgrind is not installed")
    start, few, many = (instructions_of(valgrind, case, window, 300) for window in (16, 4096, 65536))
    of_few, of_many = (few - start) / (4096 - 16), (many - few) / (65536 - 4096)
    print(f"instructions a result: {of_few:.0f} with 4,096 that wait, {of_many:.0f} with 65,536")
    assert of_many < of_few * 1.25, (of_few, of_many)
