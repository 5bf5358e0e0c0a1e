# SPDX-License-Identifier: MIT
"""A run under faults: what both shapes of it have, SeparateRun and LaunchedRun.

A run is its own operator, who starts again what has ended. It knows what was done to a
process on purpose (`condemn`, `excuse`); a process that ends in another way makes the run fail.
"""

import time
from pathlib import Path

from harness import build_directory
from material import expected_output, make_input
from output import Disk, Reader
from plan import LENGTH_S
from process_tree import Busy

WORKERS_MOST = 6
# With which statuses a run ends before its time, by why.
STATUSES = {
    "fill disk": {4},
    "kill commit helper": {4},
    "interrupt": {130},
    "terminate": {143},
    "kill all": {137},
    "kill sink": {137},
    "kill ventilator": {137},
    "kill launcher": {137},
}
PATIENCE_S = 25  # of all programs: one that never met the one that ended waits so long
END_S = 40.0  # for all programs to end, once something has ended the run


class Run:
    """What both shapes have: files, the pace of the work, the diary of what happened."""

    def __init__(self, case, plan, can, network):
        self.case, self.plan, self.can, self.network = case, plan, can, network
        self.began = time.monotonic()
        self.diary = []
        self.agenda = []  # (time, what to do then)
        self.excused = []  # why the run may end before its time
        self.over = ""  # why this round is over
        self.rounds = 0
        self.complete = False
        self.faults_left = 1.0
        self.disk = Disk(case.path("disk"), "disk" in can)
        self.output = case.path("read") if plan.output == "reader" else self.disk.path / "out"
        self.reader = Reader(self.output) if plan.output == "reader" else None
        self.input = make_input(case.path("input"), plan)
        self.data = self.input.read_bytes()
        self.control = case.path("control")
        self.control.mkdir()
        self.busy = Busy(self.control / "busy")
        self.hold = self.control / "hold"  # keeps the run from its end until all faults have come
        self.hold.touch()
        self.keys = case.path("keys")
        if plan.keys:
            case.run("fanfold-keygen", self.keys).expect(0)
        self.pace = None
        self.set_pace()

    # -- time --

    def now(self):
        return time.monotonic() - self.began

    def note(self, what):
        self.diary.append(f"{self.now():7.2f} {what}")

    def later(self, delay_s, action):
        self.agenda.append((self.now() + delay_s, action))

    def work_agenda(self, everything=False):
        due = [entry for entry in self.agenda if everything or entry[0] <= self.now()]
        for entry in sorted(due, key=lambda entry: entry[0]):
            self.agenda.remove(entry)
            entry[1]()

    # -- progress --

    def released(self):
        return self.output.stat().st_size if self.output.exists() else 0

    def going(self):
        """Some of the output is written, and some is missing."""
        return not self.complete and 0 < self.released() < len(self.data) - 1000

    def set_pace(self):
        """Slows the work down while the output is ahead of the faults and of the clock."""
        allowed = min(self.now() / LENGTH_S, 1.0 - self.faults_left * 0.9)
        if self.faults_left == 0.0 and self.now() > LENGTH_S:
            self.hold.unlink(missing_ok=True)
        pace = 200 if self.released() > allowed * len(self.data) else 15
        if pace != self.pace:
            self.pace = pace
            part = self.control / "pace.part"
            part.write_text(str(pace))
            part.rename(self.control / "pace")

    # -- words --

    def common(self):
        plan = self.plan
        words = ["--liveness", plan.liveness_s, "--patience", PATIENCE_S, "--log-level", "debug"]
        if plan.network == "ipc":
            return words
        return [*words, "--keys", self.keys] if plan.keys else [*words, "--insecure"]

    def cutting(self):
        plan = self.plan
        words = [*plan.cut, "--window", plan.window, "--buffer", plan.buffer, "--retries", "7"]
        if plan.on_error != "stop":
            words += ["--on-error", plan.on_error]
        return words if plan.input == "stream" else [*words, "-i", self.input]

    def work(self, kind):
        folder = build_directory() / "tests/chaos"
        if kind == "plugin":
            return ["--plugin", folder / "work_plugin.so", "--", self.control]
        return ["--", "sh", "-c", '"$0" "$1" || exit $?', folder / "work", self.control]

    def resume(self, again=False):
        if "resume" not in self.can or self.plan.output != "file":
            return []
        return ["--resume"] if again or self.rounds > 1 or self.plan.resume_at_once else []

    # -- the end --

    def excuse(self, why):
        """The run may end because of this."""
        self.excused.append(why)

    def check_excuse(self, name, status):
        """Of a program that ended before the run was complete."""
        allowed = {code for why in self.excused for code in STATUSES[why]}
        assert self.excused, f"{name} ended with status {status}, and nothing was done to it"
        assert status in allowed, f"{name} ended with status {status} after {', '.join(self.excused)}"

    def check_status(self, name, status):
        """Of a program that brought the run to its end."""
        wanted = 1 if self.plan.bad else 0
        assert status == wanted, f"{name} ended with status {status} at the end of the run, not {wanted}"

    def journal_stays(self):
        """A sink that heard no goodbye left its journal, and said so. Another start with --resume
        only removes it."""
        if self.plan.output != "file" or not Path(f"{self.output}.fanfold").exists():
            return False
        said = "".join(process.stderr() for process in self.case.processes[-WORKERS_MOST * 3 :])
        assert "because the ventilator did not confirm the end" in said, "a journal is left, and nobody said why"
        self.note("the journal stays")
        return True

    def check(self):
        if self.reader:
            self.reader.close()
        self.disk.empty()
        letters = Path(f"{self.output}.dead-letters")
        expected = expected_output(self.data, self.plan, letters)
        self.case.assert_same(self.output, self.case.file("expected", expected))
        left = {path.name for path in self.disk.path.iterdir()} - {"out", "out.dead-letters"}
        assert not left, f"left beside the output: {sorted(left)}"
        if not self.plan.bad:
            assert not letters.exists(), "there is a directory of dead letters, and none was earned"

    def wait_none(self, what):
        self.case.wait_for(lambda: not self.case.reap(), what, END_S)

    def close(self):
        self.disk.close()
        if self.network:
            self.network.close()
