# SPDX-License-Identifier: MIT
"""Runs whose worker is told to leave while its programs are at work, by signals to all of them."""

import os
import sys

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable
# Says that it is at work, and stays there: forever the first time, as the gate is shut.
WAIT = 'echo >> began; : < "$GATE"; cat'
FRAMES = """
import fanfold
def process(chunk, _state):
    open("began", "a").write("\\n")
    open({gate!r}).close()
    return chunk
fanfold.serve(process)
"""
HALF = "trap 'echo half; exit 0' TERM; cat > /dev/null & sleep 1000 & echo >> began; wait"
LINES = "echo >> began; : < $GATE; exec cat"
CATCHES = "trap 'exit 1' TERM INT HUP; cat > /dev/null & sleep 1000 & echo >> began; wait"


def programs(case):
    """By name: the options and the command of a worker whose program stands at the gate."""
    frames = case.file("program.py", FRAMES.format(gate=str(case.gate())).encode())
    return {
        "exec": ["--", "sh", "-c", WAIT],
        "below a shell": ["--shell", "(sh -c 'echo >> began; : < \"$GATE\"; cat'); exit $?"],
        "that catches the signal": ["--", "bash", "-c", CATCHES],
        "that catches the signal and says that all is well": ["--", "bash", "-c", HALF],
        "lines": ["--mode", "lines", "--", "sh", "-c", LINES],
        "frames, forked": ["--mode", "frames", "--", PYTHON, "-u", str(frames)],
        "frames, each": ["--mode", "frames", "--prepare-each", "--", PYTHON, "-u", str(frames)],
    }


def start_run(case, words, *options):
    """A run of one chunk, which its only worker is at."""
    sink = case.start("fanfold-sink")
    ventilator = case.start("fanfold-ventilator", "--retries", 1, *options, stdin=b"a\nb\n")
    worker = case.start("fanfold-worker", "-j1", *words, env={"GATE": str(case.gate())})
    case.wait_for(case.path("began").exists, "the program to begin")
    return sink, ventilator, worker


def expect_done_elsewhere(case, sink, ventilator, lines=b"a\nb\n"):
    case.run("fanfold-worker", "-j1", "--", "cat").expect(0)
    ventilator.expect(0)
    sink.expect(0)
    assert sink.output() == lines
