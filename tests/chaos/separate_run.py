# SPDX-License-Identifier: MIT
"""A run that starts ventilator, sink and workers each by itself."""

import signal
import subprocess

from harness import Overdue, build_directory
from output import feed
from run import END_S, PATIENCE_S, WORKERS_MOST, Run

LATE_S = 3.0
EARLY_S = 10.0


class SeparateRun(Run):
    """Ventilator, sink and workers in a terminal each."""

    def __init__(self, *words):
        super().__init__(*words)
        self.sink = self.ventilator = None
        self.workers = []
        self.added = 0
        self.start()

    def may_kill_worker(self):
        return True

    # -- starting --

    def on(self, host, program, *words, **more):
        if not self.network or not self.network.on(host):
            return self.case.start(program, *words, **more)
        path = build_directory() / {"fanfold-sink": "sink", "fanfold-worker": "worker"}.get(program, "ventilator")
        prefix = self.network.on(host)
        return self.case.start(prefix[0], *prefix[1:], path / program, *words, name=program, **more)

    def task_options(self, host):
        if not self.network:
            return self.case.endpoints()[:2]
        return ["--tasks", self.network.bind_tasks() if host == "ventilator" else self.network.tasks(host)]

    def begin(self, role, process):
        process.role, process.condemned, process.begun = role, None, self.now()
        self.note(f"start {role} as {process.pid}" + (" --resume" if "--resume" in process.popen.args else ""))
        return process

    def start_sink(self):
        words = [*self.task_options("sink"), *(self.network.results() if self.network else self.case.endpoints()[2:])]
        if self.reader:
            process = self.on("sink", "fanfold-sink", *self.common(), *words, stdout=self.reader.end)
        else:
            words += ["-o", self.output, *self.resume(bool(self.sink))]
            process = self.on("sink", "fanfold-sink", *self.common(), *words)
        self.sink = self.begin("sink", process)

    def start_ventilator(self):
        stream = subprocess.PIPE if self.plan.input == "stream" else None
        words = [*self.common(), *self.task_options("ventilator"), *self.cutting(), *self.resume(bool(self.ventilator))]
        process = self.on("ventilator", "fanfold-ventilator", *words, stdin=stream)
        if stream:
            feed(self.input, process.stdin)
        self.ventilator = self.begin("ventilator", process)

    def add_worker(self):
        if len(self.workers) >= WORKERS_MOST or self.complete:
            return
        kind = self.plan.workers[self.added % len(self.plan.workers)]
        host = f"worker{self.added % 3}"
        self.added += 1
        words = [*self.common(), *self.task_options(host), "-j", self.plan.slots, *self.work(kind)]
        worker = self.begin("worker", self.on(host, "fanfold-worker", *words))
        worker.host = host
        worker.touched, worker.told = self.now(), bool(self.over)
        self.workers.append(worker)

    def start(self):
        self.rounds += 1
        self.excused, self.over = [], ""
        self.disk.empty()
        self.start_sink()
        self.start_ventilator()
        while len(self.workers) < len(self.plan.workers):
            self.add_worker()

    # -- what faults tell --

    def condemn(self, process, why, again_s=0.0):
        """A fault is about to end this process; it starts again after that time."""
        process.condemned = why
        process.again_s = again_s

    def restore(self, role):
        """Starts it again, unless the whole run starts again."""
        process = getattr(self, role)
        if not self.over and not self.complete and not process.running():
            getattr(self, f"start_{role}")()

    # -- what has ended --

    def tick(self):
        """Looks which programs have ended, and starts again what must run."""
        self.set_pace()
        for worker in [worker for worker in self.workers if not worker.running()]:
            self.workers.remove(worker)
            self.worker_ended(worker)
        for process in (self.sink, self.ventilator):
            if process and not process.running() and not hasattr(process, "status"):
                process.status = process.wait()
                self.note(f"{process.role} {process.pid} ended with status {process.status}")
                self.end_ended(process)
        if self.over and not self.sink.running() and not self.ventilator.running():
            self.note(f"all is started again after {self.over}")
            self.start()
        elif self.over:
            self.tick_latecomer()

    def tick_latecomer(self):
        """A sink or ventilator that started while the other one ended has not heard of that, and waits.

        A ventilator that has heard may stay for twice the liveness time, for its workers.
        """
        patience = LATE_S + 2 * self.plan.liveness_s
        here, gone = (self.sink, self.ventilator) if self.sink.running() else (self.ventilator, self.sink)
        if here.begun > self.over_at - LATE_S and self.now() > self.over_at + patience:
            self.note(f"the {gone.role} is started again after {self.over}")
            self.rounds += 1
            # Another fault may end the one that waits yet: an interrupt does.
            self.excused, self.over = [why for why in self.excused if why != self.over], ""
            self.disk.empty()
            getattr(self, f"start_{gone.role}")()
            self.refill()

    def worker_ended(self, worker):
        status = worker.wait()
        self.note(f"worker {worker.pid} ended with status {status}")
        if worker.condemned:
            self.later(worker.again_s, self.refill)
        elif worker.told or self.was_patient(worker):
            self.later(0.0, self.refill)
        elif self.over or self.excused:
            self.later(0.0, self.refill)
        else:
            assert status == 0, f"worker {worker.pid} ended with status {status}, and nothing was done to it"
            # A worker may hear of the end first: then the run must end soon.
            self.later(EARLY_S, self.must_have_been_told(worker, self.rounds))

    def was_patient(self, worker):
        """It found no ventilator, and has waited for as long as --patience says."""
        return worker.wait() == 5 and self.now() - worker.begun >= PATIENCE_S

    def must_have_been_told(self, worker, round_number):
        def look():
            ending = self.complete or self.over or self.rounds > round_number
            assert ending, f"worker {worker.pid} ended with status 0, and the run goes on"

        return look

    def refill(self):
        if len(self.workers) < len(self.plan.workers):
            self.add_worker()

    def end_ended(self, process):
        ended_well = [one.role for one in (self.sink, self.ventilator) if getattr(one, "status", 9) in (0, 1)]
        if process.role in ended_well and (not process.condemned or process.status in (0, 1)):
            self.check_status(process.role, process.status)
        if self.over:
            return
        if "sink" in ended_well:
            if "ventilator" in ended_well or (process.role == "ventilator" and process.condemned):
                self.complete = True
            elif not self.ventilator.running():
                self.complete = True  # it was killed after the last word
        elif process.condemned and process.status not in (0, 1):
            if "ventilator" in ended_well:
                self.set_over("the sink was killed when the ventilator had ended")
            else:
                self.later(process.again_s, lambda: self.restore(process.role))
        elif process.status not in (0, 1):
            self.check_excuse(process.role, process.status)
            self.set_over(self.excused[0])

    def set_over(self, why):
        self.over, self.over_at = why, self.now()
        for worker in self.workers:
            worker.told = True  # or hears yet that the run is over
        self.later(END_S, self.must_have_ended(self.rounds))

    def must_have_ended(self, round_number):
        def look():
            if self.rounds == round_number and not self.complete:
                raise Overdue(f"{END_S:g} s after {self.over} a program of the run still runs")

        return look

    def finish(self):
        """All faults are undone. Workers that took part in the end have heard of it."""
        self.case.wait_for(lambda: not self.ventilator.running() and not self.sink.running(), "both ends to end", END_S)
        quiet_s = 3 * self.plan.liveness_s + 2
        for worker in self.workers:
            if not worker.condemned and self.now() - worker.touched > quiet_s:
                status = worker.wait(END_S)
                fine = status == 0 or self.was_patient(worker)
                assert fine, f"worker {worker.pid} ended with status {status} at the end of the run"
        for worker in self.workers:
            if worker.running():
                self.note(f"worker {worker.pid} is told to leave")
                worker.signal(signal.SIGTERM)
        for worker in self.workers:
            status = worker.wait(END_S)
            fine = worker.condemned or status in (0, 143) or self.was_patient(worker)
            assert fine, f"worker {worker.pid}, told to leave: status {status}"
        self.wait_none("all processes of the run to end")
        self.case.assert_no_files_left()
        left = [path.name for path in self.case.directory.iterdir() if path.is_socket()]
        assert not left, f"sockets are left: {left}"

    def pid_of(self, role):
        process = getattr(self, role)
        return [process.pid] if process and process.running() else []

    def worker_pids(self, _tree):
        return [worker.pid for worker in self.workers if worker.running()]

    def touch(self, pids=None):
        """Notes that a fault disturbed these workers, or all."""
        for worker in self.workers:
            if pids is None or worker.pid in pids:
                worker.touched = self.now()

    def process_of(self, pid):
        return next((one for one in [self.sink, self.ventilator, *self.workers] if one.pid == pid), None)
