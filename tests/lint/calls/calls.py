#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a task and a result cost in calls: python3 -B tests/lint/calls/calls.py BUILD [TASKS]

BUILD is a build directory of its own:

    meson setup build-calls -Doptimization=0 -Dc_args=-finstrument-functions
    ninja -C build-calls programs

Two runs, `fanfold -j 1 -N 1 -- cat` over TASKS and over twice as many records, are traced with
tracer.c, function by function. What the second has more than the first, divided by TASKS, is
what one task costs in each role, of all that its processes do.

- calls: of functions of the tree, static and inline ones too, each time they are entered
- moves: those among them from one file pair (x.c and x.h) into another
- rooms: file pairs that a task enters at least once in two times
- climbs: moves into a file pair that is on the stack already, below the caller: a call back
  into what is in the middle of its work
- floors: moves against the table of rooms.py, where the folders are that table's

For the dispatch core the same of one message, that is of one entry into the core from outside
until it returns, sorted by what it went through first.
"""

import mmap
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = Path(sys.argv[1]).resolve()
TASKS = int(sys.argv[2]) if len(sys.argv) > 2 else 200
ROOT = HERE.parent.parent.parent
sys.argv[1:] = [str(ROOT)]
sys.path.insert(0, str(HERE.parent))
from rooms import climbs as against_table  # noqa: E402

PROGRAMS = {
    "fanfold-ventilator": "ventilator/fanfold-ventilator",
    "fanfold-worker": "worker/fanfold-worker",
    "fanfold-sink": "sink/fanfold-sink",
}
CORE = "ventilator/scheduler/"


def symbols(program):
    """{address: (function, file pair)} of the functions that come from the tree."""
    said = subprocess.run(["nm", "-l", "--defined-only", program], capture_output=True, text=True, check=True)
    found = {}
    for line in said.stdout.splitlines():
        match = re.match(r"([0-9a-f]+) [tTwW] (\S+)\t(.*):\d+$", line)
        if match:
            path = os.path.normpath(os.path.join(BUILD, match[3]))
            if path.startswith(f"{ROOT}/"):
                found[int(match[1], 16)] = (match[2], os.path.splitext(path[len(str(ROOT)) + 1 :])[0])
    return found


class Cost:
    def __init__(self):
        self.calls = self.moves = self.climbs = self.floors = 0
        self.entered = Counter()  # by room: moves into it
        self.functions = Counter()

    def enter(self, name, room, stack):
        self.calls += 1
        self.functions[room, name] += 1
        caller = stack[-1][1] if stack else None
        if room == caller:
            return
        self.entered[room] += 1
        if caller is None:
            return
        self.moves += 1
        self.climbs += any(other == room for _, other, _ in stack)
        self.floors += against_table(Path(caller + ".c"), Path(room + ".c"))


class Message:
    """One entry into the core."""

    def __init__(self, depth):
        self.depth, self.cost, self.calls = depth, Cost(), []

    def enter(self, name, room, stack):
        self.cost.enter(name, room, stack)
        self.calls.append((len(stack), name))

    def path(self):
        """Its first function, the call of it that most others come from, and so on twice."""
        names, calls = [], self.calls
        for depth in range(3):
            branches = []
            for call in calls:
                if call[0] == depth:
                    branches.append([])
                if call[0] >= depth and branches:
                    branches[-1].append(call)
            calls = max(branches, key=len, default=[])
            if depth and len(calls) < 2:
                break
            names.append(calls[0][1])
        return " > ".join(names)


def read(path, table, total, messages):
    """Adds what a process did to `total`, and its entries into the core to `messages`."""
    stack, message = [], None
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as memory:
        count = struct.unpack_from("<Q", memory)[0]
        words = struct.unpack_from(f"<{count}Q", memory, 8)
    for word in words:
        symbol = table.get(word >> 1)
        if symbol is None:
            continue
        if word & 1:
            name, room = symbol
            total.enter(name, room, stack)
            if message is None and room.startswith(CORE):
                message = Message(len(stack))
            if message and room.startswith(CORE):
                message.enter(name, room, stack[message.depth :])
            stack.append((name, room, word >> 1))
        elif any(address == word >> 1 for _, _, address in stack):
            while stack.pop()[2] != word >> 1:
                pass  # it left with an exec
            if message and len(stack) <= message.depth:
                messages[message.path()].append(message)
                message = None


def run(tasks):
    """({program: Cost}, {path: messages})"""
    with tempfile.TemporaryDirectory(prefix="fanfold-calls-") as name:
        folder = Path(name)
        library, notes = folder / "tracer.so", folder / "notes"
        notes.mkdir()
        flags = ["-D_GNU_SOURCE", "-O2", "-shared", "-fPIC"]
        subprocess.run(["cc", *flags, "-o", library, HERE / "tracer.c"], check=True)
        (folder / "in").write_text("".join(f"{number}\n" for number in range(tasks)))
        command = [BUILD / "deploy/local/fanfold", "-j", "1", "-N", "1", "-i", "in", "-o", "out", "--", "cat"]
        environment = {**os.environ, "FANFOLD_CALLS": str(notes), "LD_PRELOAD": str(library)}
        subprocess.run(command, cwd=folder, env=environment, check=True, stderr=subprocess.DEVNULL)
        assert (folder / "in").read_bytes() == (folder / "out").read_bytes()
        costs, messages = {}, defaultdict(list)
        for program, path in PROGRAMS.items():
            costs[program], table = Cost(), symbols(BUILD / path)
            for trace in sorted(notes.glob(f"{program}.*")):
                read(trace, table, costs[program], messages)
        return costs, messages


def rooms_of(once, twice, tasks):
    return [room for room in twice.entered if (twice.entered[room] - once.entered[room]) / tasks >= 0.5]


def main():
    (once, _), (twice, messages) = run(TASKS), run(2 * TASKS)
    print(f"{'a task through':<44}{'calls':>7}{'moves':>7}{'rooms':>7}{'climbs':>8}{'floors':>8}")
    for program in PROGRAMS:
        one, two = once[program], twice[program]
        calls, moves, climbs, floors = (
            (getattr(two, what) - getattr(one, what)) / TASKS for what in ("calls", "moves", "climbs", "floors")
        )
        rooms = len(rooms_of(one, two, TASKS))
        print(f"{program:<44}{calls:>7.0f}{moves:>7.0f}{rooms:>7}{climbs:>8.1f}{floors:>8.1f}")
    core = [entry for entries in messages.values() for entry in entries]
    print(f"\n{'the dispatch core, a task (all entries)':<44}", end="")
    sums = [sum(getattr(entry.cost, what) for entry in core) / (2 * TASKS) for what in ("calls", "moves")]
    sums += [len({room for entry in core for room in entry.cost.entered})]
    sums += [sum(getattr(entry.cost, what) for entry in core) / (2 * TASKS) for what in ("climbs", "floors")]
    print("{:>7.0f}{:>7.0f}{:>7}{:>8.1f}{:>8.1f}".format(*sums))
    print(f"\n{'an entry into the core (times a task; the means, the most rooms)':<70}")
    for path, entries in sorted(messages.items(), key=lambda item: -sum(e.cost.calls for e in item[1]))[:14]:
        count = len(entries)
        means = [sum(getattr(entry.cost, what) for entry in entries) / count for what in ("calls", "moves")]
        most = max(len(entry.cost.entered) for entry in entries)
        climbs = sum(entry.cost.climbs for entry in entries) / count
        print(f"{count / (2 * TASKS):>6.2f} {path[:90]:<92}{means[0]:>6.1f}{means[1]:>6.1f}{most:>4}{climbs:>6.2f}")


main()
