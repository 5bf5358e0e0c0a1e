#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What keys cost: tests/bench/curve.py [--rounds N] [--size MIB] [--workers N]

Ventilator, sink and workers by hand over tcp on loopback, with a plugin that copies its chunk. With
keys and without, with one and with two I/O threads in each program, in turn, so that all see the same
machine. Printed are the medians: MiB a second of wall time, MiB a second of processor time of all
programs together, and that of the ventilator and the sink alone, each of which is one process.

Each byte is encrypted and decrypted twice: as a task and as a result.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/pipeline"))
from harness import assert_same, build_directory, make_text, program_path, wait_for  # noqa: E402

ECHO = str(build_directory() / "worker/examples/echo.so")


class Bench:
    def __init__(self, directory, options):
        self.directory = Path(directory)
        self.options = options
        self.text = make_text(options.size << 20)
        self.keys = self.directory / "keys"
        subprocess.run([program_path("fanfold-keygen"), self.keys], check=True)

    def start(self, role, threads, *words, **more):
        env = {**os.environ, "ZSYS_IO_THREADS": str(threads)}
        return subprocess.Popen([program_path(f"fanfold-{role}"), "--quiet", *map(str, words)], env=env, **more)

    def run(self, keyed, threads, block):
        """(wall seconds, processor seconds of all, of the ventilator, of the sink)"""
        told, target = self.directory / "where.json", self.directory / "out"
        common = ["--keys", self.keys] if keyed else ["--insecure"]
        words = ["--tasks", "tcp://127.0.0.1:*", "--endpoint-file", told, "--block", block, "-i", self.text]
        began = time.monotonic()
        ventilator = self.start("ventilator", threads, *common, *words)
        wait_for(told.exists, "the ventilator to be bound")
        at = ["--tasks", json.loads(told.read_text())["tasks"][0]]
        with open(target, "wb") as output:
            sink = self.start("sink", threads, *common, *at, "--results", "tcp://127.0.0.1:*", stdout=output)
        workers = [
            self.start("worker", threads, *common, *at, "-j1", "--plugin", ECHO) for _ in range(self.options.workers)
        ]
        spent = []
        for process in [ventilator, sink, *workers]:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0, (process.args, process.returncode)
            spent.append(usage.ru_utime + usage.ru_stime)
        wall = time.monotonic() - began
        assert_same(target, self.text)
        return wall, sum(spent), spent[0], spent[1]

    def compare(self, block):
        ways = list(itertools.product([False, True], [1, 2]))
        seen = {way: [] for way in ways}
        for _ in range(self.options.rounds):
            for way in ways:
                seen[way].append(self.run(*way, block))
        for (keyed, threads), runs in seen.items():
            rates = [statistics.median(self.options.size / run[i] for run in runs) for i in range(4)]
            print(
                f"{block}, {'keys' if keyed else 'no keys'}, {threads} I/O thread{'s' if threads > 1 else ''}: "
                f"{rates[0]:.0f} MiB/s; a second of processor time: {rates[1]:.0f} MiB of all, "
                f"{rates[2]:.0f} of the ventilator, {rates[3]:.0f} of the sink",
                flush=True,
            )
        for threads in (1, 2):
            pairs = zip(seen[True, threads], seen[False, threads])
            ratios = sorted(keyed[1] / plain[1] for keyed, plain in pairs)
            print(f"    keys take {statistics.median(ratios):.2f} times the processor time ({threads}; from {ratios[0]:.2f} to {ratios[-1]:.2f})")
        ratios = sorted(one[0] / two[0] for one, two in zip(seen[True, 1], seen[True, 2]))
        print(f"    with keys, two threads are {statistics.median(ratios):.2f} times as fast as one (from {ratios[0]:.2f} to {ratios[-1]:.2f})", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=256, metavar="MIB")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fanfold-bench-", dir=build_directory()) as directory:
        bench = Bench(directory, options)
        for block in ("64K", "1M"):
            bench.compare(block)


if __name__ == "__main__":
    main()
