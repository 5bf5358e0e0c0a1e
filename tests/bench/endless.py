#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A run without an end: tests/bench/endless.py [--minutes M] [--rate N] [--kill-every S]

A producer of DEALER/1 sends --rate messages a second for --minutes; the run keeps them in a spool, and rotates its
output. Every --kill-every seconds (0: never) a worker, the sink or the ventilator in turn is killed, and the run is
started again with --resume if that ended it. Each minute's line has the memory of all processes that no file holds, their
descriptors, the size of spool and journal, and the processor time a message. At the end the parts of the output are
compared with what was sent.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zmq

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/pipeline"))
from dealer import Producer  # noqa: E402
from harness import build_directory, program_path  # noqa: E402
from process_tree import stat_of  # noqa: E402
from processes import anonymous_of, cpu_seconds, descendants  # noqa: E402

VICTIMS = ("fanfold-worker", "fanfold-sink", "fanfold-ventilator"[:15])
FILLER = b" " + b"x" * 80


class Run:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.endpoint = f"ipc://{directory}/in"
        self.starts = 0
        self.start()

    def start(self, *more):
        words = ["-i", f"dealer:@{self.endpoint}", "--spool", self.directory / "spool", "-o", self.directory / "out"]
        words += ["--rotate", "4M", "--quiet", "-j2", "--plugin", build_directory() / "worker/examples/echo.so"]
        self.process = subprocess.Popen([program_path("fanfold"), *map(str, [*words, *more])])
        self.starts += 1

    def go_on(self):
        """Starts it again if it has ended."""
        if self.process.poll() is not None:
            if self.process.returncode == 2:
                raise SystemExit("the run cannot be resumed")
            self.start("--resume")

    def kill(self, name):
        """The first process of this name."""
        for pid in descendants(self.process.pid):
            try:
                if stat_of(pid)[0] == name:
                    os.kill(pid, signal.SIGKILL)
                    break
            except OSError:
                pass

    def stop(self):
        while True:
            self.process.send_signal(signal.SIGTERM)
            if self.process.wait(60) == 0:
                return
            self.start("--resume", "--idle", "1")

    def figures(self):
        pids = descendants(self.process.pid)
        descriptors = 0
        for pid in pids:
            try:
                descriptors += len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                pass
        kept = [path for name in ("spool", "out.fanfold") for path in (self.directory / name, *(self.directory / name).glob("*"))]
        held = sum(path.stat().st_blocks * 512 for path in kept if path.is_file())
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return anonymous_of(pids), descriptors, held, ended.ru_utime + ended.ru_stime + cpu_seconds(pids)


def expect_exact(run, producer):
    number = 0
    for part in sorted(run.directory.glob("out.[0-9]*")):
        with open(part, "rb") as file:
            for line in file:
                number += 1
                if line != producer.message(number) + b"\n":
                    raise SystemExit(f"{part}: {line!r} came where message {number} should")
    if number != producer.total:
        raise SystemExit(f"{number} messages came out, {producer.total} were sent")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--kill-every", type=float, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fanfold-bench-") as directory, zmq.Context() as context:
        run = Run(directory)
        producer = Producer(context, run.endpoint, b"ann", 0, b"%s %d" + FILLER)
        began = time.monotonic()
        minute, kills = 1, 0
        while (passed := time.monotonic() - began) < 60 * options.minutes or not producer.done():
            producer.total = int(options.rate * min(passed, 60 * options.minutes))
            producer.pump(0.02)
            if producer.done():
                time.sleep(0.002)
            if options.kill_every and options.kill_every * (kills + 1) < passed < 60 * options.minutes:
                run.kill(VICTIMS[kills % len(VICTIMS)])
                kills += 1
            run.go_on()
            if passed >= 60 * minute:
                memory, descriptors, held, spent = run.figures()
                print(
                    f"minute {minute}: {memory / (1 << 20):.1f} MiB, {descriptors} descriptors, spool and journal "
                    f"{held >> 10} KiB, {1e6 * spent / producer.have:.0f} µs of processor time a message, {producer.have} messages",
                    flush=True,
                )
                minute += 1
        producer.close()
        run.stop()
        expect_exact(run, producer)
        print(f"{producer.total} messages in their places, {kills} kills, {run.starts} starts")


if __name__ == "__main__":
    main()
