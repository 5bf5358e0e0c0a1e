# SPDX-License-Identifier: MIT
"""A run whose ventilator, sink and workers are started one by one, as a person does in several terminals.

The ventilator hands out the first task only when all workers have joined. The input begins with one line that is not
measured: when its result is out, all are there, and the clock starts.
"""

import json
import os
import select
import subprocess
import threading
import time
from dataclasses import dataclass

from harness import program_path, wait_for
from processes import descendants

FIRST = b"0\n"
PIECE = 1 << 20
JOIN_S = 60


class NotJoined(Exception):
    """The workers were not all there in time."""


@dataclass
class Spent:
    """Between the first result and the end, of all processes of the run."""

    seconds: float
    user: float
    system: float
    switches: int


def spent_until_now(pids):
    """(user seconds, system seconds, context switches) of processes that live."""
    user = system = switches = 0
    tick = os.sysconf("SC_CLK_TCK")
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                fields = file.read().rpartition(")")[2].split()
            user += (int(fields[11]) + int(fields[13])) / tick  # its own, and of its children that have ended
            system += (int(fields[12]) + int(fields[14])) / tick
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/status", encoding="utf-8") as file:
                    switches += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
        except OSError:
            continue
    return user, system, switches


class ByHand:
    def __init__(self, directory, workers, ventilator=(), worker=(), common=("--insecure",)):
        self.directory, self.workers = directory, workers
        self.words = {"ventilator": ventilator, "worker": worker, "common": common}
        self.processes = []

    def start(self, role, *words, **more):
        words = [program_path(f"fanfold-{role}"), "--quiet", *self.words["common"], *words]
        with open(self.directory / "stderr", "ab") as log:
            process = subprocess.Popen([str(word) for word in words], stderr=log, **more)
        self.processes.append(process)
        return process

    def begin(self):
        told = self.directory / "where.json"
        told.unlink(missing_ok=True)
        asked = ["--tasks", "tcp://127.0.0.1:*", "--endpoint-file", told, "--min-workers", self.workers]
        self.ventilator = self.start("ventilator", *asked, *self.words["ventilator"], stdin=subprocess.PIPE, bufsize=0)
        wait_for(told.exists, "the ventilator to be bound")
        tasks = ["--tasks", json.loads(told.read_text())["tasks"][0]]
        self.sink = self.start("sink", *tasks, "--results", "tcp://127.0.0.1:*", stdout=subprocess.PIPE, bufsize=0)
        for _ in range(self.workers):
            self.start("worker", *tasks, *self.words["worker"])
        self.ventilator.stdin.write(FIRST)
        if not select.select([self.sink.stdout], [], [], JOIN_S)[0]:
            raise NotJoined(f"{self.workers} workers had not joined after {JOIN_S} s")
        assert self.sink.stdout.read(len(FIRST)) == FIRST, (self.directory / "stderr").read_text()

    def feed(self, source, close):
        with open(source, "rb") as file:
            while piece := file.read(PIECE):
                while piece:
                    piece = piece[self.ventilator.stdin.write(piece) :]
        if close:
            self.ventilator.stdin.close()

    def receive(self, target, size):
        with open(target, "wb") as output:
            while size > 0 and (piece := self.sink.stdout.read(PIECE)):
                size -= output.write(piece)

    def run(self, source, target, hold=False):
        """The time and what it took; `target` has the output. `hold`: the input ends only when the output is there, so that
        nobody's end is counted; where a task is a number of records, as others wait for the end of the input."""
        self.begin()
        pids = {pid for process in self.processes for pid in descendants(process.pid)}
        before = spent_until_now(pids)
        began = time.monotonic()
        feeder = threading.Thread(target=self.feed, args=[source, not hold])
        feeder.start()
        self.receive(target, os.path.getsize(source))
        seconds = time.monotonic() - began
        after = spent_until_now(pids) if hold else None
        feeder.join()
        self.ventilator.stdin.close()
        assert self.sink.stdout.read() == b"", "there is more output than input"
        usages = [self.wait(process) for process in self.processes]
        self.sink.stdout.close()
        after = after or (
            sum(usage.ru_utime for usage in usages),
            sum(usage.ru_stime for usage in usages),
            sum(usage.ru_nvcsw + usage.ru_nivcsw for usage in usages),
        )
        return Spent(seconds, *(late - early for late, early in zip(after, before)))

    def wait(self, process):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, (process.args, process.returncode, (self.directory / "stderr").read_text())
        return usage

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        for process in self.processes:
            process.wait()
