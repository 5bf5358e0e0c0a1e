# SPDX-License-Identifier: MIT
"""A run under faults, and the operator who starts again what has ended.

The operator knows what was done to a process on purpose (`condemn`, `excuse`); whatever ends
in another way makes the run fail. Two shapes: `Hand` is ventilator, sink and workers, each
started by itself; `Launched` is `fanfold`.
"""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

from harness import Overdue, build_directory
from material import SIZE, expected_output, make_input
from plan import LENGTH_S
from processes import Busy, Kin
from wires import mount_tmpfs, unmount

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
WORKERS_IN_A_ROW = 2
LATE_S = 3.0
EARLY_S = 10.0
PATIENCE_S = 25  # of all: who never met the one that ended waits so long
END_S = 40.0  # for all to end, once something has ended the run
FULL_BYTES = SIZE + (3 << 20)  # of the disk; spill files need room


class Reader:
    """Takes what comes out of a pipe to a file, and pauses when it is told."""

    def __init__(self, path):
        self.path = path
        self.source, self.end = os.pipe()
        self.may_read = threading.Event()
        self.may_read.set()
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self):
        with open(self.path, "wb", buffering=0) as file:
            while data := os.read(self.source, 16 << 10):
                file.write(data)
                self.may_read.wait()

    def close(self):
        os.close(self.end)
        self.may_read.set()
        self.thread.join()
        os.close(self.source)


def feed(path, pipe):
    """All of the file to the pipe, or as much as somebody reads."""

    def write():
        try:
            with open(path, "rb") as file, pipe:
                while data := file.read(64 << 10):
                    pipe.write(data)
        except (BrokenPipeError, ValueError):
            pass

    threading.Thread(target=write, daemon=True).start()


class Disk:
    """Where the output is. `fill` leaves no byte; `empty` makes room."""

    def __init__(self, path, mounts):
        self.path = path
        self.mounts = mounts
        path.mkdir()
        if mounts:
            mount_tmpfs(path, f"size={FULL_BYTES}")
        self.ballast = path / ".ballast"

    def fill(self):
        with open(self.ballast, "wb", buffering=0) as file:
            step = 1 << 20
            while step:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, step)
                except OSError:
                    step //= 16

    def empty(self):
        self.ballast.unlink(missing_ok=True)

    def close(self):
        if self.mounts:
            unmount(self.path)


class Scene:
    """What both shapes have: files, the pace of the work, the diary of what happened."""

    def __init__(self, case, plan, can, wires):
        self.case, self.plan, self.can, self.wires = case, plan, can, wires
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
        self.hold = self.control / "hold"  # nothing ends before all faults have come
        self.hold.touch()
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
        """Something was written, and something is left to be."""
        return not self.complete and 0 < self.released() < len(self.data) - 1000

    def set_pace(self):
        """Slow where the output is ahead of the faults and of the clock."""
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
        return [*words, "--insecure"] if plan.way != "ipc" else words

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
        """Nobody said goodbye to the sink, which left its journal; it says so. Another start
        with --resume has nothing to do but to take it away."""
        if self.plan.output != "file" or not Path(f"{self.output}.fanfold").exists():
            return False
        said = "".join(process.stderr() for process in self.case.processes[-WORKERS_MOST * 3 :])
        assert "stays, as no ventilator said goodbye" in said, "a journal is left, and nobody said why"
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
        if self.wires:
            self.wires.close()


class Hand(Scene):
    """Ventilator, sink and workers in a terminal each."""

    def __init__(self, *words):
        super().__init__(*words)
        self.sink = self.ventilator = None
        self.workers = []
        self.hired = 0
        self.start()

    def may_kill_worker(self):
        return True

    # -- starting --

    def on(self, host, program, *words, **more):
        if not self.wires or not self.wires.on(host):
            return self.case.start(program, *words, **more)
        path = build_directory() / {"fanfold-sink": "sink", "fanfold-worker": "worker"}.get(program, "ventilator")
        prefix = self.wires.on(host)
        return self.case.start(prefix[0], *prefix[1:], path / program, *words, name=program, **more)

    def meet(self, host):
        if not self.wires:
            return self.case.endpoints()[:2]
        return ["--tasks", self.wires.bind_tasks() if host == "ventilator" else self.wires.tasks(host)]

    def begin(self, role, process):
        process.role, process.condemned, process.begun = role, None, self.now()
        self.note(f"start {role} as {process.pid}" + (" --resume" if "--resume" in process.popen.args else ""))
        return process

    def start_sink(self):
        words = [*self.meet("sink"), *(self.wires.results() if self.wires else self.case.endpoints()[2:])]
        if self.reader:
            process = self.on("sink", "fanfold-sink", *self.common(), *words, stdout=self.reader.end)
        else:
            words += ["-o", self.output, *self.resume(bool(self.sink))]
            process = self.on("sink", "fanfold-sink", *self.common(), *words)
        self.sink = self.begin("sink", process)

    def start_ventilator(self):
        stream = subprocess.PIPE if self.plan.input == "stream" else None
        words = [*self.common(), *self.meet("ventilator"), *self.cutting(), *self.resume(bool(self.ventilator))]
        process = self.on("ventilator", "fanfold-ventilator", *words, stdin=stream)
        if stream:
            feed(self.input, process.stdin)
        self.ventilator = self.begin("ventilator", process)

    def hire(self):
        if len(self.workers) >= WORKERS_MOST or self.complete:
            return
        kind = self.plan.workers[self.hired % len(self.plan.workers)]
        host = f"worker{self.hired % 3}"
        self.hired += 1
        words = [*self.common(), *self.meet(host), "-j", self.plan.slots, *self.work(kind)]
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
            self.hire()

    # -- faults say what they do --

    def condemn(self, process, why, again_s=0.0):
        """It is about to end by our hand, and is to be started again that long after."""
        process.condemned = why
        process.again_s = again_s

    def restore(self, role):
        """Unless all of it is to be started again."""
        process = getattr(self, role)
        if not self.over and not self.complete and not process.running():
            getattr(self, f"start_{role}")()

    # -- looking after it --

    def mind(self):
        """Once in a while: sees what has ended."""
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
            self.mind_latecomer()

    def mind_latecomer(self):
        """An end that was started while the other one ended has not heard of that, and waits.

        A ventilator that has heard may stay for twice the liveness time, for its workers.
        """
        patience = LATE_S + 2 * self.plan.liveness_s
        here, gone = (self.sink, self.ventilator) if self.sink.running() else (self.ventilator, self.sink)
        if here.begun > self.over_at - LATE_S and self.now() > self.over_at + patience:
            self.note(f"the {gone.role} is started again after {self.over}")
            self.rounds += 1
            # What else was done to the one that waits may end it yet: an interrupt does.
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
            # It may be the first to know of the end, and only then.
            self.later(EARLY_S, self.must_have_been_told(worker, self.rounds))

    def was_patient(self, worker):
        """It met nobody, or nobody any more, and has waited for as long as it was told to."""
        return worker.wait() == 5 and self.now() - worker.begun >= PATIENCE_S

    def must_have_been_told(self, worker, round_number):
        def look():
            ending = self.complete or self.over or self.rounds > round_number
            assert ending, f"worker {worker.pid} ended with status 0, and the run goes on"

        return look

    def refill(self):
        if len(self.workers) < len(self.plan.workers):
            self.hire()

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
            worker.told = True  # that the run is over, now or when it hears of it
        self.later(END_S, self.must_have_ended(self.rounds))

    def must_have_ended(self, round_number):
        def look():
            if self.rounds == round_number and not self.complete:
                raise Overdue(f"{END_S:g} s after {self.over} a program of the run still runs")

        return look

    def finish(self):
        """All faults are undone. Workers that had part in the end know of it."""
        self.case.wait_for(lambda: not self.ventilator.running() and not self.sink.running(), "both ends to end", END_S)
        quiet_s = 3 * self.plan.liveness_s + 2
        for worker in self.workers:
            if not worker.condemned and self.now() - worker.touched > quiet_s:
                status = worker.wait(END_S)
                fine = status == 0 or self.was_patient(worker)
                assert fine, f"worker {worker.pid} ended with status {status} at the end of the run"
        for worker in self.workers:
            if worker.running():
                self.note(f"worker {worker.pid} is sent home")
                worker.signal(signal.SIGTERM)
        for worker in self.workers:
            status = worker.wait(END_S)
            fine = worker.condemned or status in (0, 143) or self.was_patient(worker)
            assert fine, f"worker {worker.pid}, sent home: status {status}"
        self.wait_none("all processes of the run to end")
        self.case.assert_no_files_left()
        left = [path.name for path in self.case.directory.iterdir() if path.is_socket()]
        assert not left, f"sockets are left: {left}"

    def pid_of(self, role):
        process = getattr(self, role)
        return [process.pid] if process and process.running() else []

    def worker_pids(self, _kin):
        return [worker.pid for worker in self.workers if worker.running()]

    def touch(self, pids=None):
        """These workers were disturbed; all without."""
        for worker in self.workers:
            if pids is None or worker.pid in pids:
                worker.touched = self.now()

    def process_of(self, pid):
        return next((one for one in [self.sink, self.ventilator, *self.workers] if one.pid == pid), None)


class Launched(Scene):
    """`fanfold` does all of it."""

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
        self.run = self.case.start("fanfold", *words, stdin=stream, stdout=self.reader.end if self.reader else None)
        if stream:
            feed(self.input, self.run.stdin)
        self.note(f"start fanfold as {self.run.pid}" + (" --resume" if self.resume() else ""))

    def condemn(self, _process, _why, _again_s=0.0):
        """The launcher starts a worker again by itself."""
        self.killed = 1 if self.released() > self.killed_at else self.killed + 1
        self.killed_at = self.released()

    def may_kill_worker(self):
        """The launcher gives up at the fourth that has not finished a task."""
        return self.killed < WORKERS_IN_A_ROW or self.released() > self.killed_at

    def mind(self):
        self.set_pace()
        if self.run.running():
            return
        status = self.run.wait()
        self.note(f"fanfold {self.run.pid} ended with status {status}")
        if status in (0, 1):
            self.check_status("fanfold", status)
            self.complete = True
            return
        self.check_excuse("fanfold", status)
        self.work_agenda(everything=True)  # what is stopped goes on, so that it can end
        self.wait_none("all of a run that was ended to be gone")
        self.start()

    def finish(self):
        self.wait_none("all processes of the run to end")
        # Whoever is to take the private directory away was killed with all others.
        left = list(self.case.runtime.iterdir())
        assert len(left) <= self.kills_of_all, f"directories are left: {left}"
        assert not list(self.case.tmp.iterdir()), f"files are left: {list(self.case.tmp.iterdir())}"

    def pid_of(self, role):
        kin = Kin(self.case)
        names = {"sink": "fanfold-sink", "ventilator": "fanfold-ventila", "launcher": "fanfold"}
        return [pid for pid in kin.named(names[role]) if pid == self.run.pid or kin.parents[pid] == self.run.pid]

    def worker_pids(self, kin):
        return [pid for pid in kin.named("fanfold-worker") if kin.parents[pid] == self.run.pid]

    def touch(self, pids=None):
        pass

    def process_of(self, _pid):
        return None
