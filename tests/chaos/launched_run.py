# SPDX-License-Identifier: MIT
"""A run that one `fanfold` starts and looks after."""

import subprocess

from output import feed
from process_tree import ProcessTree
from run import Run

WORKERS_IN_A_ROW = 2  # that are killed without output in between


class LaunchedRun(Run):
    """`fanfold` starts the sink, the ventilator and its worker."""

    def __init__(self, *words):
        super().__init__(*words)
        self.kills_of_all = 0
        self.killed = self.killed_at = 0  # workers in a row without output in between
        self.start()

    def start(self):
        self.rounds += 1
        self.excused, self.over = [], ""
        self.disk.empty()
        stream = subprocess.PIPE if self.plan.input == "stream" else None
        words = [*self.common(), *self.cutting(), "-j", self.plan.slots]
        if not self.reader:
            words += ["-o", self.output, *self.resume()]
        words += self.work(self.plan.workers[0])
        stdout = self.reader.end if self.reader else None
        self.launcher = self.case.start("fanfold", *words, stdin=stream, stdout=stdout)
        if stream:
            feed(self.input, self.launcher.stdin)
        self.note(f"start fanfold as {self.launcher.pid}" + (" --resume" if self.resume() else ""))

    def condemn(self, _process, _why, _again_s=0.0):
        """The launcher starts a worker again by itself."""
        self.killed = 1 if self.released() > self.killed_at else self.killed + 1
        self.killed_at = self.released()

    def may_kill_worker(self):
        """The launcher gives up at the fourth that has not finished a task."""
        return self.killed < WORKERS_IN_A_ROW or self.released() > self.killed_at

    def tick(self):
        self.set_pace()
        if self.launcher.running():
            return
        status = self.launcher.wait()
        self.note(f"fanfold {self.launcher.pid} ended with status {status}")
        if status in (0, 1):
            self.check_status("fanfold", status)
            self.complete = True
            return
        self.check_excuse("fanfold", status)
        self.work_agenda(everything=True)  # continues what is stopped, so that it can end
        self.wait_none("all of a run that was ended to be gone")
        self.start()

    def finish(self):
        self.wait_none("all processes of the run to end")
        # A kill of all kills also the process that removes the private directory.
        left = list(self.case.runtime.iterdir())
        assert len(left) <= self.kills_of_all, f"directories are left: {left}"
        assert not list(self.case.tmp.iterdir()), f"files are left: {list(self.case.tmp.iterdir())}"

    def pid_of(self, role):
        tree = ProcessTree(self.case)
        names = {"sink": "fanfold-sink", "ventilator": "fanfold-ventila", "launcher": "fanfold"}
        return [pid for pid in tree.named(names[role]) if self.launcher.pid in (pid, tree.parents[pid])]

    def worker_pids(self, tree):
        return [pid for pid in tree.named("fanfold-worker") if tree.parents[pid] == self.launcher.pid]

    def touch(self, pids=None):
        pass

    def process_of(self, _pid):
        return None
