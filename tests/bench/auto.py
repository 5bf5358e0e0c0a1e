#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Chunks whose size the run finds out, against every size that a person could have chosen.

    tests/bench/auto.py [--rounds N] [--size MIB] [--lines N] [--only WORD]

Work that is cheap a byte (the plugin that copies, `cat`, a filter that lives on), work of 100 ms
a line, which is spent asleep, so that it has the slots that it is given whatever the machine, and
a program that takes 0.3 s to start. Each round runs all sizes in turn, so that all of them see
the same machine; printed are the medians, what `--block auto` reaches of the best (the median of
the rounds' ratios), and how long the last slot worked on after the first had ended. Status 1:
below 90 % of the best, or more than a second. The size takes a few rounds of chunks to be found,
so of a program that starts slowly it may be that many starts behind instead.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/pipeline"))
from harness import assert_same, build_directory, make_text, program_path  # noqa: E402

ECHO = str(build_directory() / "worker/examples/echo.so")
NOTE = 'echo "$FANFOLD_SLOT $EPOCHREALTIME" >>"$NOTES"'
SLOW = "while IFS= read -r line; do sleep 0.1; echo $line; done; " + NOTE
WANTED, SPREAD = 0.9, 1.0
START, STARTS = 0.3, 5  # seconds of a slow start, and how many may go by before the size is known


class Bench:
    def __init__(self, directory, options):
        self.options = options
        self.directory = Path(directory)
        self.notes = self.directory / "notes"
        self.well = True

    def run(self, block, source, words):
        """Seconds."""
        target = self.directory / "output"
        command = [program_path("fanfold"), "--quiet", "--block", block, "-i", source, "-o", target, *words]
        began = time.monotonic()
        subprocess.run(command, check=True, env={**os.environ, "NOTES": str(self.notes)})
        taken = time.monotonic() - began
        assert_same(target, source)
        for path in self.directory.glob("output*"):
            path.unlink()
        return taken

    def spread(self, source, words):
        """How long after the first slot's last chunk the last slot's ended, and chunks."""
        self.notes.unlink(missing_ok=True)
        self.run("auto", source, words)
        rows = [line.split() for line in self.notes.read_text().splitlines()]
        last = {slot: float(at) for slot, at in sorted(rows, key=lambda row: float(row[1]))}
        return max(last.values()) - min(last.values()), len(rows)

    def sweep(self, name, blocks, source, words, noting, behind=0.0):
        """`behind`: seconds that auto may be behind, where that is more than a tenth."""
        if self.options.only not in name:
            return
        times = {block: [] for block in [*blocks, "auto"]}
        for _ in range(self.options.rounds):
            for block, taken in times.items():
                taken.append(self.run(block, source, words))
        medians = {block: statistics.median(taken) for block, taken in times.items()}
        best = min(blocks, key=medians.get)
        ratios = sorted(a / b for a, b in zip(times[best], times["auto"]))
        reached = statistics.median(ratios)
        spread, chunks = self.spread(source, noting)
        print(f"{name}: " + ", ".join(f"{block} {taken:.2f} s" for block, taken in medians.items()))
        print(f"    auto reaches {reached:.0%} of {best} (from {ratios[0]:.0%} to {ratios[-1]:.0%}, wanted: "
              f"{WANTED:.0%}); {chunks} chunks; the last slot ends {spread:.2f} s after the first", flush=True)
        well = reached >= WANTED or medians["auto"] - medians[best] <= behind
        self.well = self.well and well and spread <= SPREAD


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=256, help="MiB of text")
    parser.add_argument("--lines", type=int, default=400, help="of 100 ms")
    parser.add_argument("--only", default="", metavar="WORD", help="works whose name has it")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="fanfold-bench-")
    try:
        bench = Bench(directory, options)
        text = make_text(options.size << 20)
        slow = bench.directory / "slow"
        slow.write_text("".join(f"line {number}\n" for number in range(options.lines)))
        blocks = ["64K", "256K", "1M", "2M", "4M", "16M"]
        noting = ["-j2", "--", "bash", "-c", "cat; " + NOTE]
        bench.sweep("plugin that copies", blocks, text, ["-j2", "--plugin", ECHO], noting)
        bench.sweep("cat", blocks, text, ["-j2", "--", "cat"], noting)
        words = ["-j2", "--mode", "lines", "--", "sed", "-u", ""]
        bench.sweep("a filter that lives on", blocks, make_text(options.size // 8 << 20), words, noting)
        for size in (3, 30):
            words = ["-j8", "--", "bash", "-c", f"sleep {START}; cat; {NOTE}"]
            name, fixed = f"a slow start, {size} MiB", ["256K", "512K", "1M", "4M"]
            bench.sweep(name, fixed, make_text(size << 20), words, words, START * STARTS)
        words = ["-j8", "--", "bash", "-c", SLOW]
        bench.sweep("100 ms a line", ["1", "20", "40", "80", "160", "320", "640"], slow, words, words)
    finally:
        shutil.rmtree(directory)
    return 0 if bench.well else 1


if __name__ == "__main__":
    sys.exit(main())
