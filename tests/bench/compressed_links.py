#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What --compress-links costs and saves: tests/bench/compressed_links.py [--rounds N] [--size MIB] [--workers N]

Ventilator, sink and workers by hand over tcp on loopback, with keys and a plugin that copies its chunk:
without the option, with zstd, with lz4, in turn, so that all see the same machine; on text, and on noise,
which does not shrink. Printed are the medians of MiB a second of wall time and of processor time of all
programs together, and the bytes that crossed the loopback for each byte of input (2 without compression, as
each travels as a task and as a result).
"""

import argparse
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
WAYS = {"off": [], "zstd": ["--compress-links"], "lz4": ["--compress-links=lz4"]}


def loopback_bytes():
    """Bytes that the loopback has carried, with the heads of packets."""
    return int(Path("/sys/class/net/lo/statistics/tx_bytes").read_text())


class Bench:
    def __init__(self, directory, options):
        self.directory = Path(directory)
        self.options = options
        self.keys = self.directory / "keys"
        noise = self.directory / "noise"
        noise.write_bytes(os.urandom(options.size << 20))
        self.inputs = {"text": make_text(options.size << 20), "noise": noise}
        subprocess.run([program_path("fanfold-keygen"), self.keys], check=True, stdout=subprocess.DEVNULL)

    def start(self, role, *words, **more):
        return subprocess.Popen([program_path(f"fanfold-{role}"), "--quiet", "--keys", self.keys, *map(str, words)], **more)

    def run(self, way, what):
        """(wall seconds, processor seconds of all, bytes on the loopback)"""
        told, target = self.directory / "where.json", self.directory / "out"
        cut = ["--fixed", "1M"] if what == "noise" else []
        words = ["--tasks", "tcp://127.0.0.1:*", "--endpoint-file", told, "-i", self.inputs[what], *cut]
        carried, began = loopback_bytes(), time.monotonic()
        ventilator = self.start("ventilator", *WAYS[way], *words)
        wait_for(told.exists, "the ventilator to be bound")
        at = ["--tasks", json.loads(told.read_text())["tasks"][0]]
        with open(target, "wb") as output:
            sink = self.start("sink", *at, "--results", "tcp://127.0.0.1:*", stdout=output)
        workers = [self.start("worker", *at, "-j1", "--plugin", ECHO) for _ in range(self.options.workers)]
        spent = 0
        for process in [ventilator, sink, *workers]:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0, (process.args, process.returncode)
            spent += usage.ru_utime + usage.ru_stime
        wall = time.monotonic() - began
        assert_same(target, self.inputs[what])
        return wall, spent, loopback_bytes() - carried

    def compare(self, what):
        seen = {way: [] for way in WAYS}
        for _ in range(self.options.rounds):
            for way in WAYS:
                seen[way].append(self.run(way, what))
        size = self.options.size
        for way, runs in seen.items():
            wall, spent, carried = (statistics.median(run[i] for run in runs) for i in range(3))
            print(
                f"{what}, {way}: {size / wall:.0f} MiB/s; {size / spent:.0f} MiB a second of processor time; "
                f"{carried / (size << 20):.2f} bytes on the link for a byte of input",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=128, help="MiB of input")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(directory, options)
        for what in bench.inputs:
            bench.compare(what)


if __name__ == "__main__":
    main()
