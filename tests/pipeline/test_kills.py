# SPDX-License-Identifier: MIT
"""Workers that are killed, and stopped, in the middle of tasks: the output stays right.

`pytest test_kills.py --runs 50` makes 50 runs of kills in place of the few.

A kill that hit a running task is known by the notes of its worker: a task that began there
and never ended.
"""

import os
import random
import re
import signal
import subprocess
from collections import Counter

import pytest
from harness import SLOWNESS, option
from noting_worker import Feed, NotingWorker, counts_of

RUNS = option("runs", 2 if SLOWNESS > 1 else 5)
HITS = 10  # kills that must have hit a running task, in each run
SURE_HITS = 12  # kills that seemed to, before the input may end
BLOCK = 32 << 10

# A task takes a while, and says so; what a worker that is killed runs never ends.
SLOW_UPPER = """
echo "begin $FANFOLD_SEQ $FANFOLD_ATTEMPT" >>"$NOTES"
sleep 0.0$(($FANFOLD_SEQ * 7 % 6 + 2))
tr a-z A-Z
echo "end $FANFOLD_SEQ $FANFOLD_ATTEMPT" >>"$NOTES"
"""

# What is given out again, to whomever, waits: until then only what a first attempt had as its
# result can come in.
AGAIN_WAITS = """
echo "begin $FANFOLD_SEQ $FANFOLD_ATTEMPT" >>"$NOTES"
[ "$FANFOLD_ATTEMPT" = 1 ] || : <again
sleep 0.02
while [ -e "$HOLD" ]; do
    echo "held $FANFOLD_SEQ $FANFOLD_ATTEMPT" >>"$NOTES"
    sleep 0.02
done
tr a-z A-Z
"""


class KillRun:
    """Three workers, one of which is killed again and again while others join."""

    def __init__(self, case, seed):
        self.case = case
        self.chance = random.Random(seed)
        self.endpoints = case.endpoints(f"run{seed}")
        self.options = [*self.endpoints[:2], "--log-level", "info"]
        self.workers = []  # all that there ever were
        self.alive = []
        self.killed = []
        self.sink = case.start("fanfold-sink", *self.endpoints)
        self.ventilator = case.start(
            "fanfold-ventilator",
            *[*self.options, "--block", BLOCK, "--window", 48, "--min-workers", 3],
            stdin=subprocess.PIPE,
        )
        for _ in range(3):
            self.join()
        self.feed = Feed(case, self.ventilator, BLOCK, seed)

    def join(self):
        number = f"{self.endpoints[1].rsplit('/', 1)[1]}-{len(self.workers)}"
        worker = NotingWorker(self.case, number, self.options, SLOW_UPPER)
        self.workers.append(worker)
        self.alive.append(worker)

    def kill_one(self, joins=1):
        """Kills a worker in the middle of a task; others have joined before, or join then.

        False: the run was over before.
        """
        worker = self.chance.choice(self.alive)
        self.case.wait_for(lambda: worker.unended() or not self.ventilator.running(), "a worker at work")
        if not self.ventilator.running():
            return False
        before = self.chance.randint(0, joins)
        for _ in range(before):
            self.join()
        worker.process.signal(signal.SIGKILL)
        worker.process.expect(137)
        self.alive.remove(worker)
        self.killed.append(worker)
        for _ in range(joins - before):
            self.join()
        return True

    def hits(self):
        return sum(bool(worker.unended()) for worker in self.killed)

    def go(self):
        while self.hits() < SURE_HITS and self.kill_one():
            pass
        for worker in self.alive:  # one that came when all is over would wait for the next run
            self.case.wait_for(lambda worker=worker: worker.noted("begin"), "the last to have joined")
        self.feed.end()
        self.kill_one(joins=0)  # one more, while the rest is on its way
        self.ventilator.expect(0)
        self.sink.expect(0)
        for worker in self.alive:
            worker.process.expect(0)

    def check(self):
        """The bytes, and that there were kills and redelivered tasks."""
        self.feed.thread.join()
        expected = self.case.file("expected", self.feed.sent.read_bytes().upper())
        self.case.assert_same(self.sink.stdout, expected)
        counts = counts_of(self.ventilator)
        lost = sum(len(worker.unended()) for worker in self.killed)
        hits = self.hits()
        assert hits >= HITS, f"{hits} of {len(self.killed)} kills hit a running task"
        assert counts["retried"] >= lost, f"{lost} tasks were lost, {counts['retried']} given out again"
        assert counts["lost_sessions"] >= hits, counts
        return Counter(kills=len(self.killed), hits=hits, tasks_lost=lost, **counts)


@pytest.mark.deadline(30.0 * RUNS)
def test_one_of_three_workers_is_killed_again_and_again_while_others_join(case):
    total = Counter()
    for seed in range(1, RUNS + 1):
        run = KillRun(case, seed)
        run.go()
        total.update(run.check())
        total["runs"] += 1
        for path in (run.sink.stdout, run.feed.sent):
            os.unlink(path)
    print(*(f"{key}={value}" for key, value in total.items()))


def again_of(worker):
    """The seqs that it began, and that another had been given before."""
    return {seq for seq, attempt in worker.noted("begin") if attempt > 1}


def welcomes_of(worker):
    """Each opens its link to the sink again."""
    return worker.process.stderr().count("debug link open=1")


def test_a_worker_that_was_stopped_for_longer_than_the_liveness_time_brings_in_its_ledger(case):
    endpoints = case.endpoints()
    liveness = ["--liveness", "1"]
    options = [*endpoints[:2], *liveness, "--log-level", "debug"]
    text = case.text(1 << 20)
    sink = case.start("fanfold-sink", *endpoints, *liveness)
    again_may_run = case.gate("again")
    stopped, other = [NotingWorker(case, number, options, AGAIN_WAITS) for number in range(2)]
    ventilator = case.start("fanfold-ventilator", *options, "--block", "8K", "--min-workers", 2, "-i", text)

    case.wait_for(lambda: len(stopped.noted("begin")) > 4, "the worker to be at work")
    # What runs there goes on running until the ledger has been told: it cannot have come in before.
    stopped.hold.touch()
    held = case.wait_for(lambda: stopped.noted("held"), "its tasks to be held up")
    stopped.process.signal(signal.SIGSTOP)
    # Its tasks were given to the other: the ventilator takes it for dead.
    case.wait_for(lambda: again_of(other) & {seq for seq, _ in held}, "its tasks to be given out again")
    welcomes = welcomes_of(stopped)
    stopped.process.signal(signal.SIGCONT)
    case.wait_for(lambda: welcomes_of(stopped) > welcomes, "the worker to be welcomed again")
    stopped.hold.unlink()
    again_may_run.open()

    for process in (ventilator, sink, stopped.process, other.process):
        process.expect(0)
    case.assert_same(sink.stdout, case.file("expected", text.read_bytes().upper()))
    counts = counts_of(ventilator)
    assert counts["lost_sessions"] >= 1 and counts["adopted"] >= 1, counts
    again = [int(ledger) for ledger in re.findall(r"debug hello nonce=\d+ ledger=(\d+)", stopped.process.stderr())]
    assert again[0] == 0 and max(again[1:]) >= 1, again
    print(f"hello with ledgers of {again}; {counts}")
