# SPDX-License-Identifier: MIT
"""A task that hangs where it is goes to another worker as well, where it was asked for."""

from noting_worker import NotingWorker, counts_of

TOTAL = 16
STRAGGLER = 3

# The first that gets task 3 stays with it for ever.
HANGS_ONCE = f"""
echo "begin $FANFOLD_SEQ $FANFOLD_ATTEMPT" >>"$NOTES"
if [ "$FANFOLD_SEQ" = {STRAGGLER} ] && mkdir straggles 2>/dev/null; then
    : <release
fi
tr a-z A-Z
echo "end $FANFOLD_SEQ $FANFOLD_ATTEMPT" >>"$NOTES"
"""


class Straggling:
    """Two workers, one of which hangs with one task of many."""

    def __init__(self, case, *options):
        self.case = case
        self.release = case.gate("release")
        endpoints = case.endpoints()
        self.lines = b"".join(b"line number %d\n" % number for number in range(TOTAL))
        self.sink = case.start("fanfold-sink", *endpoints)
        self.workers = [NotingWorker(case, number, endpoints[:2], HANGS_ONCE) for number in range(2)]
        options = [*endpoints[:2], *options, "--log-level", "info", "-N1", "--min-workers", 2]
        self.ventilator = case.start("fanfold-ventilator", *options, stdin=self.lines)

    def noted(self, word):
        """[(seq, attempt)] of both, with what was noted twice."""
        return sorted(note for worker in self.workers for note in worker.noted(word))

    def expect_end(self):
        for process in (self.ventilator, self.sink, *(worker.process for worker in self.workers)):
            process.expect(0)
        assert self.sink.output() == self.lines.upper()
        return counts_of(self.ventilator)


def test_a_copy_overtakes_a_straggler_which_is_killed(case):
    run = Straggling(case, "--speculate")
    counts = run.expect_end()
    attempts = [attempt for seq, attempt in run.noted("begin") if seq == STRAGGLER]
    ended = [attempt for seq, attempt in run.noted("end") if seq == STRAGGLER]
    assert len(attempts) == 2 and ended == attempts[1:], (attempts, ended)
    case.assert_no_leftovers()  # it would hang still
    print(counts)


def test_nothing_is_run_twice_without_being_asked_for(case):
    run = Straggling(case)
    # All else has ended, one slot and a worker are idle, and far more than the median has gone by.
    case.wait_for(lambda: len(run.noted("end")) == TOTAL - 1, "all else to have ended")
    assert [seq for seq, _ in run.noted("begin")].count(STRAGGLER) == 1
    case.wait_for(heartbeats(run), "time for a copy to have been made")
    begun = run.noted("begin")
    run.release.open()
    counts = run.expect_end()
    assert begun == run.noted("begin") and len(begun) == TOTAL, begun
    assert counts["sent"] - counts["returned"] == TOTAL, counts


def heartbeats(run):
    """True once the idle worker has spoken to the ventilator for longer than a copy waits."""
    first = sum(context_switches(worker.process.pid) for worker in run.workers)
    return lambda: sum(context_switches(worker.process.pid) for worker in run.workers) >= first + 60


def context_switches(pid):
    """How often the process has gone to sleep."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))
