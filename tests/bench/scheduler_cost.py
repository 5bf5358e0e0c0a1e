#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The instructions that the scheduler takes for a task must not grow with the workers.

    tests/bench/scheduler_cost.py PROGRAM [--tap]

PROGRAM is scheduler_cost. valgrind counts the instructions of two runs that differ in their
tasks alone; the difference, divided by these, is the cost of a task without the start.
"""

import re
import subprocess
import sys

WORKERS = (10, 1000, 10000)
FEW, MANY = 5000, 15000  # tasks
MORE = 1.2  # times the cost with ten workers


def instructions(program, workers, tasks):
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        [*valgrind, program, str(workers), str(tasks)], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])


def cost(program, workers):
    few, many = (instructions(program, workers, workers + tasks) for tasks in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def main(program, tap):
    costs = {workers: cost(program, workers) for workers in WORKERS}
    well = True
    if tap:
        print(f"1..{len(WORKERS) - 1}")
    for number, workers in enumerate(WORKERS):
        times = costs[workers] / costs[WORKERS[0]]
        text = f"a task takes {costs[workers]:,.0f} instructions with {workers:,} workers, {times:.2f} times as many"
        good = times <= MORE
        well = well and good
        if tap and number:
            print(f"{'ok' if good else 'not ok'} {number} - the scheduler's cost of a task with {workers:,} workers")
        print(f"# {text}" if tap else text)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--tap" in sys.argv[2:]))
