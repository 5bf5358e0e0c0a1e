# SPDX-License-Identifier: MIT
"""Slurm, systemd and others end a worker by SIGTERM to every process of its step or unit:
the programs die of it, which is not the chunks' fault, and the worker leaves as it was told."""

import os
import signal
import sys
from pathlib import Path

import pytest

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
# Says that it is at work, and stays there: forever the first time, as the gate is shut.
WAIT = 'echo >> began; : < "$GATE"; cat'
FRAMES = """
import fanfold
def process(chunk, _state):
    open("began", "a").write("\\n")
    open({gate!r}).close()
    return chunk
fanfold.serve(process)
"""
HALF = "trap 'echo half; exit 0' TERM; cat > /dev/null & sleep 1000 & echo >> began; wait"
LINES = "echo >> began; : < $GATE; exec cat"
CATCHES = "trap 'exit 1' TERM INT HUP; cat > /dev/null & sleep 1000 & echo >> began; wait"


def programs(case):
    """By name: the options and the command of a worker whose program stands at the gate."""
    frames = case.file("program.py", FRAMES.format(gate=str(case.gate())).encode())
    return {
        "exec": ["--", "sh", "-c", WAIT],
        "below a shell": ["--shell", "(sh -c 'echo >> began; : < \"$GATE\"; cat'); exit $?"],
        "that catches the signal": ["--", "bash", "-c", CATCHES],
        "that catches the signal and says that all is well": ["--", "bash", "-c", HALF],
        "lines": ["--mode", "lines", "--", "sh", "-c", LINES],
        "frames, forked": ["--mode", "frames", "--", PYTHON, "-u", str(frames)],
        "frames, each": ["--mode", "frames", "--prepare-each", "--", PYTHON, "-u", str(frames)],
    }


NAMES = ["exec", "below a shell", "that catches the signal", "that catches the signal and says that all is well"]
NAMES += ["lines", "frames, forked", "frames, each"]


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def descendants(case, worker):
    """All processes below the worker, in any order but for the worker itself, which is not there."""
    found = {worker.pid}
    grown = True
    while grown:
        grown = False
        for pid in case.leftovers():
            try:
                if pid not in found and parent_of(pid) in found:
                    found.add(pid)
                    grown = True
            except OSError:
                pass
    return sorted(found - {worker.pid})


def kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def start_run(case, words, *options):
    """A run of one chunk, which its only worker is at."""
    sink = case.start("fanfold-sink")
    ventilator = case.start("fanfold-ventilator", "--retries", 1, *options, stdin=b"a\nb\n")
    worker = case.start("fanfold-worker", "-j1", *words, env={"GATE": str(case.gate())})
    case.wait_for(case.path("began").exists, "the program to begin")
    return sink, ventilator, worker


def expect_done_elsewhere(case, sink, ventilator):
    case.run("fanfold-worker", "-j1", "--", "cat").expect(0)
    ventilator.expect(0)
    sink.expect(0)
    assert sink.output() == b"a\nb\n"


@pytest.mark.parametrize("name", NAMES)
def test_sigterm_to_every_process_is_not_charged_to_the_chunk(case, name):
    sink, ventilator, worker = start_run(case, programs(case)[name])
    for pid in [worker.pid, *descendants(case, worker)]: # a parent before its children
        kill(pid, signal.SIGTERM)
    worker.expect(0)
    # A slot may end before the process that forks slots is known to have ended.
    assert [line for line in worker.reasons() if "warn cannot_start" not in line] == [], worker.stderr()
    assert not case.pids_of("sleep")
    expect_done_elsewhere(case, sink, ventilator)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_program_may_die_before_its_worker_has_the_signal(case, number):
    sink, ventilator, worker = start_run(case, ["--shell", WAIT])
    (program,) = case.pids_of("sh") or case.pids_of("bash") or case.pids_of("dash")
    kill(program, number)
    case.wait_for(lambda: program not in case.leftovers(), "the program to end")
    worker.signal(number)
    worker.expect(0)
    expect_done_elsewhere(case, sink, ventilator)


def test_a_program_that_somebody_ends_has_failed(case):
    sink, ventilator, worker = start_run(case, ["--", "sh", "-c", WAIT])
    (program,) = case.pids_of("sh")
    kill(program, signal.SIGTERM)
    ventilator.expect(3)
    ventilator.wait_for_stderr(r"failed for good after 1 attempt: ended by signal 15")
    for process in (sink, worker):
        process.wait()


def test_a_program_that_forks_its_slots_and_that_somebody_ends_breaks_its_worker(case):
    sink, ventilator, worker = start_run(case, programs(case)["frames, forked"])
    for pid in case.pids_of(os.path.basename(PYTHON)):
        if parent_of(pid) in descendants(case, worker):
            kill(pid, signal.SIGTERM)
    worker.expect(5)
    worker.wait_for_stderr("the process that forks the slots was killed by signal 15")
    expect_done_elsewhere(case, sink, ventilator)


def test_a_worker_that_is_lost_as_it_leaves_costs_its_chunk_nothing(case):
    """After SIGTERM comes SIGKILL, for all of them."""
    case.gate("deaf")
    deaf = f"trap '' TERM; echo >> began; : < {case.gate('deaf')}"
    sink, ventilator, worker = start_run(case, ["--", "sh", "-c", deaf], "--on-error", "isolate")
    for pid in [*descendants(case, worker), worker.pid]:
        kill(pid, signal.SIGTERM)
    case.wait_for(lambda: worker.running(), "the worker to stay")
    for pid in [worker.pid, *descendants(case, worker)]:
        kill(pid, signal.SIGKILL)
    worker.expect(137)
    expect_done_elsewhere(case, sink, ventilator)
