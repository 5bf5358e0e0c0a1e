# SPDX-License-Identifier: MIT
"""Sink and ventilator are killed and started again in the middle of a run, and its workers
live through it: nothing is prepared twice, and the output is right.

`pytest test_restart.py --kills 20` kills each as often, in place of the few times.
"""

import random
import signal

import pytest
from harness import SLOWNESS, build_directory, option
from noting_worker import counts_of
from resuming import journal_path, make_upper, position_of, size_of

KILLS = option("kills", 3 if SLOWNESS > 1 else 6)
WORKERS = 2
BLOCK = 32 << 10
PLUGIN = "tests/pipeline/misbehaving_program.so"


class Trio:
    """A ventilator, a sink with a journal, and workers with a prepared plugin, by hand."""

    def __init__(self, case, kills, seed, name="output"):
        self.case = case
        self.chance = random.Random(seed)
        self.output = case.path(name)
        self.text = case.text((kills + 2) * 40 * BLOCK)
        self.notes = case.path("notes")
        self.workers = []
        self.ventilator = self.sink = None

    def start_workers(self, *options):
        plugin = build_directory() / PLUGIN
        env = {"NOTES": str(self.notes), "SLOW_MS": "15"}
        for _ in range(WORKERS):
            words = [*options, "-j2", "--plugin", plugin]
            self.workers.append(self.case.start("fanfold-worker", *words, env=env))
        self.case.wait_for(lambda: self.prepared() == WORKERS, "the workers to have prepared")

    def prepared(self):
        return self.notes.read_text().count("preparing") if self.notes.exists() else 0

    def start_ventilator(self):
        options = ["--block", BLOCK, "--buffer", 8 * BLOCK, "--resume", "--log-level", "info"]
        self.ventilator = self.case.start("fanfold-ventilator", *options, "-i", self.text)

    def start_sink(self):
        options = ["--resume", "--log-level", "info", "-o", self.output]
        self.sink = self.case.start("fanfold-sink", *options)

    def start(self):
        self.start_workers()
        self.start_sink()
        self.start_ventilator()

    def wait_for_progress(self):
        """Some more is committed, and then a random piece more is written."""
        before = position_of(self.output)
        self.case.wait_for(lambda: position_of(self.output) > before, "something to be committed", 60)
        target = size_of(self.output) + self.chance.randrange(8 * BLOCK)
        self.case.wait_for(lambda: size_of(self.output) >= target, "something to be written", 60)

    def kill_sink(self):
        self.sink.signal(signal.SIGKILL)
        self.sink.expect(137)
        self.start_sink()

    def kill_ventilator(self):
        self.ventilator.signal(signal.SIGKILL)
        self.ventilator.expect(137)
        self.start_ventilator()

    def expect_end(self):
        for process in (self.ventilator, self.sink, *self.workers):
            process.expect(0)
        self.case.assert_same(self.output, make_upper(self.case, self.text))
        assert not journal_path(self.output).exists(), "the journal is still there"
        assert self.prepared() == WORKERS, f"{self.prepared()} preparations in {WORKERS} workers"
        counts = counts_of(self.ventilator)
        print(*(f"{key}={value}" for key, value in counts.items()))


def kill_again_and_again(case, seed, *kills):
    """These methods in turn, so often as asked for."""
    trio = Trio(case, KILLS * len(kills), seed)
    trio.start()
    for _ in range(KILLS):
        for kill in kills:
            trio.wait_for_progress()
            kill(trio)
    trio.expect_end()


@pytest.mark.deadline(60.0 + 10 * KILLS)
def test_a_sink_is_killed_again_and_again(case):
    kill_again_and_again(case, 1, Trio.kill_sink)


@pytest.mark.deadline(60.0 + 10 * KILLS)
def test_a_ventilator_is_killed_again_and_again(case):
    kill_again_and_again(case, 2, Trio.kill_ventilator)


@pytest.mark.deadline(60.0 + 20 * KILLS)
def test_both_are_killed_in_turn(case):
    kill_again_and_again(case, 3, Trio.kill_sink, Trio.kill_ventilator)


def test_both_are_killed_at_once(case):
    trio = Trio(case, 1, 4)
    trio.start()
    trio.wait_for_progress()
    for process in (trio.sink, trio.ventilator):
        process.signal(signal.SIGKILL)
        process.expect(137)
    trio.start_ventilator()
    trio.start_sink()
    trio.expect_end()


def test_a_sink_is_killed_before_anything_is_committed(case):
    trio = Trio(case, 0, 5)
    trio.start()
    case.wait_for(lambda: size_of(trio.output) > 0, "something to be written")
    trio.kill_sink()
    trio.expect_end()


# ---- while the first lives ----


def test_a_second_ventilator_or_sink_is_refused_while_the_first_lives(case):
    trio = Trio(case, 1, 6)
    trio.start()
    trio.wait_for_progress()
    for worker in trio.workers:  # so that the run does not end meanwhile
        worker.signal(signal.SIGSTOP)
    first_ventilator, first_sink = trio.ventilator, trio.sink
    trio.start_ventilator()
    trio.ventilator.expect(5)
    (line,) = trio.ventilator.stderr().splitlines()
    assert f"pid {first_ventilator.pid} since" in line, line
    for words in ([], ["--name", "other"]):
        sink = case.run("fanfold-sink", *words, "--resume", "-o", trio.output)
        sink.expect(4)
        (line,) = sink.stderr().splitlines()
        assert "is being written by" in line and str(first_sink.pid) in line, line
    sink = case.run("fanfold-sink", "-o", case.path("other"))
    sink.expect(5)
    assert f"pid {first_sink.pid} since" in sink.stderr(), sink.stderr()
    assert not case.path("other").exists()
    trio.ventilator, trio.sink = first_ventilator, first_sink
    for worker in trio.workers:
        worker.signal(signal.SIGCONT)
    trio.expect_end()


# ---- workers that stay ----


def test_a_worker_that_stays_outlives_a_run_that_is_killed_and_serves_the_next_ones(case):
    trio = Trio(case, 1, 7)
    trio.start_workers("--stay")
    trio.start_sink()
    trio.start_ventilator()
    trio.wait_for_progress()
    for process in (trio.sink, trio.ventilator):
        process.signal(signal.SIGKILL)
        process.expect(137)
    expected = make_upper(case, trio.text)
    for output in (trio.output, case.path("next")):
        trio.output = output
        trio.start_sink()
        trio.start_ventilator()
        for process in (trio.ventilator, trio.sink):
            process.expect(0)
        case.assert_same(output, expected)
    for worker in trio.workers:
        assert worker.running()
        worker.signal(signal.SIGTERM)
        worker.expect(0)
    assert trio.prepared() == WORKERS
