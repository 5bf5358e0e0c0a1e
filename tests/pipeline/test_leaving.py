# SPDX-License-Identifier: MIT
"""Workers that leave by themselves: because their ventilator is lost, or their walltime ends."""

import signal
import time

import pytest

WAIT = 'echo >> began; : < "$GATE"; cat'
LIVENESS = ["--liveness", "0.5s"]


def start_worker(case, *options):
    return case.start("fanfold-worker", "-j1", *LIVENESS, *options, "--", "sh", "-c", WAIT, env={"GATE": str(case.gate())})


def start_run(case, *options, size=2):
    """A worker that stands at a gate with the first of two chunks, and the second behind it."""
    sink = case.start("fanfold-sink", *LIVENESS)
    ventilator = case.start("fanfold-ventilator", "-N1", *LIVENESS, stdin=b"record\n" * size)
    worker = start_worker(case, *options)
    case.wait_for(case.path("began").exists, "the program to begin")
    return sink, ventilator, worker


def end(case, *processes):
    for process in processes:
        process.signal(signal.SIGKILL)
        process.wait()
    case.assert_no_leftovers()


def test_a_worker_that_is_to_stop_leaves_when_its_ventilator_is_lost(case):
    sink, ventilator, worker = start_run(case, "--on-lost", "stop")
    ventilator.signal(signal.SIGKILL)
    worker.expect(5)
    assert case.path("began").read_text() == "\n"
    end(case, sink)


def test_a_worker_that_is_to_finish_ends_what_runs_and_begins_nothing(case):
    sink, ventilator, worker = start_run(case, "--on-lost", "finish")
    ventilator.signal(signal.SIGKILL)
    # The first new connection may still be answered; with the second, it is lost.
    case.wait_for(lambda: worker.stderr().count("reconnecting") >= 2, "the worker to connect again")
    assert worker.running()
    case.gate().open()
    worker.expect(5)
    assert case.path("began").read_text() == "\n"
    end(case, sink)


def test_a_worker_that_waits_for_a_time_leaves_after_it(case):
    sink, ventilator, worker = start_run(case, "--on-lost", "wait=1s")
    ventilator.signal(signal.SIGKILL)
    case.gate().open()
    worker.expect(5)
    end(case, sink)


@pytest.mark.parametrize("what", ["stop", "finish", "wait=30s"])
def test_a_worker_serves_on_when_another_ventilator_answers_in_time(case, what):
    sink, ventilator, worker = start_run(case, "--on-lost", what, "--liveness", "20s")
    ventilator.signal(signal.SIGKILL)
    ventilator.wait()
    # It takes nobody for lost because the machine is slow: who is lost does not hear of the end.
    again = case.start("fanfold-ventilator", "-N1", "--liveness", "20s", stdin=b"record\n" * 2)
    # What the worker had is broken off. Done before, it would be progress, which only --resume goes on from.
    case.wait_for(lambda: case.path("began").read_text() == "\n" * 2, "the worker to begin anew")
    case.gate().open()
    again.expect(0)
    sink.expect(0)
    assert sink.output() == b"record\n" * 2
    worker.expect(0)
    case.assert_no_leftovers()


@pytest.mark.parametrize("word", ["", "later", "wait=", "wait=x", "finish=1s"])
def test_what_to_do_is_checked(case, word):
    run = case.run("fanfold-worker", "--on-lost", word, "--", "cat")
    run.expect(2)
    assert run.stderr().startswith("fanfold-worker: --on-lost: "), run.stderr()


@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_worker_leaves_before_its_walltime_ends(case, by):
    """It finishes what runs, hands back the rest, and costs nothing."""
    ends_s = int(time.time()) + 3600
    options, env = ["--drain-before", "3590s"], {"GATE": str(case.gate())}
    if by == "option":
        options += ["--end-time", ends_s]
    else:
        env["SLURM_JOB_END_TIME"] = str(ends_s)
    sink = case.start("fanfold-sink")
    ventilator = case.start("fanfold-ventilator", "-N1", "--retries", 1, stdin=b"record\n" * 3)
    worker = case.start("fanfold-worker", "-j1", *options, "--", "sh", "-c", WAIT, env=env)
    case.gate().open()
    worker.expect(0)
    case.run("fanfold-worker", "-j1", "--", "cat").expect(0)
    ventilator.expect(0)
    sink.expect(0)
    assert sink.output() == b"record\n" * 3
    case.assert_no_leftovers()
