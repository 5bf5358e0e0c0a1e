# SPDX-License-Identifier: MIT
"""Clocks that jump, and hosts that are suspended with all that runs there."""

import contextlib
import os
import signal
import subprocess

from harness import build_directory

CLOCK = "tests/pipeline/wandering_clock.so"


def numbered(count):
    return b"".join(b"%d\n" % number for number in range(1, count + 1))


def test_a_clock_that_jumps_changes_nothing(case):
    env = {"LD_PRELOAD": str(build_directory() / CLOCK)}
    seen = case.run("/usr/bin/python3", "-c", "import time; print(abs(time.time() - time.time()) > 1000)", env=env)
    assert seen.output() == b"True\n", "the clock does not jump"
    words = ["-N1", "-j2", "--timeout", "30", "--retries", "1", "--liveness", "2", "--joblog", "log", "-o", "out"]
    case.run("fanfold", *words, "--", "sh", "-c", "sleep 0.1; cat", stdin=numbered(40), env=env).expect(0)
    assert case.path("out").read_bytes() == numbered(40)
    times = [float(line.split("\t")[3]) for line in case.path("log").read_text().splitlines()[1:]]
    assert len(times) == 40 and all(0 < seconds < 30 for seconds in times), times


def test_a_host_that_is_suspended_for_longer_than_the_liveness_time_loses_nothing(case):
    gate = case.gate()
    ends = [*case.endpoints(), "--liveness", "1"]
    tasks = [*ends[:2], "--liveness", "1"]
    sink = case.start("fanfold-sink", *ends)
    ventilator = case.start("fanfold-ventilator", *tasks, "-N1", "--retries", "1", "--timeout", "60", stdin=numbered(6))
    script = f"echo >> began; : < {gate}; cat"
    workers = [case.start("fanfold-worker", *tasks, "-j2", "--", "sh", "-c", script) for _ in range(2)]
    case.wait_for(lambda: case.path("began").exists() and len(case.path("began").read_bytes()) == 4, "the slots to be busy")
    suspended = list(case.leftovers())
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in suspended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if number == signal.SIGSTOP:
            subprocess.run(["sleep", "4"], check=True)
    gate.open()
    for process in (ventilator, sink, *workers):
        process.expect(0)
    assert sink.output() == numbered(6)
