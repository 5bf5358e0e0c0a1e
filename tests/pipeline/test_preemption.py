# SPDX-License-Identifier: MIT
"""Slurm, systemd and others end a worker by SIGTERM to every process of its step or unit:
the programs die of it, which is not the chunks' fault, and the worker leaves as it was told."""

import os
import signal

import pytest
from preempting import PYTHON, WAIT, expect_done_elsewhere, programs, start_run
from process_tree import descendants, parent_of, signal_one

NAMES = ["exec", "below a shell", "that catches the signal", "that catches the signal and says that all is well"]
NAMES += ["lines", "frames, forked", "frames, each"]


@pytest.mark.parametrize("name", NAMES)
def test_sigterm_to_every_process_is_not_charged_to_the_chunk(case, name):
    sink, ventilator, worker = start_run(case, programs(case)[name])
    for pid in [worker.pid, *descendants(worker.pid)]:  # a parent before its children
        signal_one(pid, signal.SIGTERM)
    worker.expect(0, 10)  # whoever sent it sends SIGKILL soon
    # A slot may end before the process that forks slots is known to have ended.
    assert [line for line in worker.reasons() if "warn cannot_start" not in line] == [], worker.stderr()
    assert not case.pids_of("sleep")
    expect_done_elsewhere(case, sink, ventilator)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_program_may_die_before_its_worker_has_the_signal(case, number):
    sink, ventilator, worker = start_run(case, ["--shell", WAIT])
    (program,) = case.pids_of("sh") or case.pids_of("bash") or case.pids_of("dash")
    signal_one(program, number)
    case.wait_for(lambda: program not in case.leftovers(), "the program to end")
    worker.signal(number)
    worker.expect(0)
    expect_done_elsewhere(case, sink, ventilator)


def test_a_program_that_somebody_ends_has_failed(case):
    sink, ventilator, worker = start_run(case, ["--", "sh", "-c", WAIT])
    (program,) = case.pids_of("sh")
    signal_one(program, signal.SIGTERM)
    ventilator.expect(3)
    ventilator.wait_for_stderr(r"failed for good after 1 attempt: ended by signal 15")
    for process in (sink, worker):
        process.wait()


def test_a_program_that_forks_its_slots_and_that_somebody_ends_breaks_its_worker(case):
    sink, ventilator, worker = start_run(case, programs(case)["frames, forked"])
    for pid in case.pids_of(os.path.basename(PYTHON)):
        if parent_of(pid) in descendants(worker.pid):
            signal_one(pid, signal.SIGTERM)
    worker.expect(5)
    worker.wait_for_stderr("the process that forks the slots was killed by signal 15")
    expect_done_elsewhere(case, sink, ventilator)


def test_a_worker_that_is_lost_as_it_leaves_costs_its_chunk_nothing(case):
    """After SIGTERM comes SIGKILL, for all of them."""
    case.gate("deaf")
    deaf = f"trap '' TERM; echo >> began; : < {case.gate('deaf')}"
    sink, ventilator, worker = start_run(case, ["--", "sh", "-c", deaf], "--on-error", "isolate")
    for pid in [*descendants(worker.pid), worker.pid]:
        signal_one(pid, signal.SIGTERM)
    case.wait_for(lambda: worker.running(), "the worker to stay")
    for pid in [worker.pid, *descendants(worker.pid)]:
        signal_one(pid, signal.SIGKILL)
    worker.expect(137)
    expect_done_elsewhere(case, sink, ventilator)
