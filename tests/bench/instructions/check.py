#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Instructions of the hot paths, compared with a table: check.py [--refresh] PROGRAM

Each path runs under callgrind with few units of work and with more; the difference divided by
the units is what one costs, without what a program's start costs. A count does not depend on
what else the machine does. It does depend on compiler, optimization and kind of machine: the
table says for which it is, and the check is skipped on others.

--refresh writes the table, for a change that costs what it is worth:

    tests/bench/instructions/check.py --refresh build-test/tests/bench/instructions/instructions
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TABLE = Path(__file__).resolve().with_name("table.json")
TOLERANCE = 0.15
MORE = 8  # times the units
# The units of the smaller run. Batches are of 256.
UNITS = {
    "chunker": 1,
    "encode-task": 1024,
    "decode-task": 1024,
    "encode-result": 1024,
    "decode-result": 1024,
    "encode-done": 1024,
    "decode-done": 1024,
    "release": 1024,
    "session": 1024,
    "dispatch": 1024,
}
# The C library chooses its string functions by processor: these every x86-64 has.
TUNABLES = "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-EVEX"


def instructions(program, path, units):
    with tempfile.TemporaryDirectory() as directory:
        counts = Path(directory) / "counts"
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}", str(program), path, str(units)]
        # Meson has malloc fill what it gives, which counts.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
        environment["GLIBC_TUNABLES"] = TUNABLES
        run = subprocess.run(valgrind, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if run.returncode != 0:
            raise SystemExit(f"{path} ended with status {run.returncode}:\n{run.stdout}")
        return int(re.search(r"^(?:totals|summary): (\d+)", counts.read_text(), re.M)[1])


def cost(program, path):
    few = UNITS[path]
    return (instructions(program, path, MORE * few) - instructions(program, path, few)) / ((MORE - 1) * few)


def costs(program):
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(UNITS, pool.map(lambda path: cost(program, path), UNITS)))


def setting(program):
    """What a count depends on, as the build has put it into the program."""
    return subprocess.run([program, "--setting"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def judge(path, found, wanted):
    """(well, sentence)"""
    ratio = found / wanted
    sentence = f"{path}: {found:,.0f} instructions a unit, {ratio - 1:+.1%} of the table's {wanted:,.0f}"
    return abs(ratio - 1) <= TOLERANCE, sentence


def skip_all(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def refresh(options):
    units = {path: round(count, 1) for path, count in costs(options.program).items()}
    table = {"setting": setting(options.program), "instructions": units}
    TABLE.write_text(json.dumps(table, indent=2) + "\n")
    print(TABLE.read_text(), end="")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--refresh", action="store_true", help="write the table instead of comparing with it")
    parser.add_argument("program", type=Path)
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        skip_all("no valgrind: deploy/dependencies test installs it")
    if options.refresh:
        return refresh(options)
    table = json.loads(TABLE.read_text())
    if (here := setting(options.program)) != table["setting"]:
        skip_all(f"the table is for {table['setting']}; this is {here}")
    judgements = [judge(path, count, table["instructions"][path]) for path, count in costs(options.program).items()]
    print(f"1..{len(judgements)}")
    for number, (well, sentence) in enumerate(judgements, 1):
        print(f"{'ok' if well else 'not ok'} {number} - {sentence}")
    return sys.exit(0 if all(well for well, _ in judgements) else 1)


main()
