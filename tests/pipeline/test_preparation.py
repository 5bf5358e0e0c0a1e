# SPDX-License-Identifier: MIT
"""The costly example prepares once for all slots, which share what it made, crashes or not."""

import os
import re
import signal
import subprocess
from pathlib import Path

from harness import Skip, build_directory
from noting_worker import counts_of

SLOTS = 8
KILLS = 3
PLUGIN = "worker/examples/patterns.so"


def make_patterns(case):
    """Half of the long words; and most words backwards, which are in few lines but cost memory."""
    dictionary = Path("/usr/share/dict/words")
    if not dictionary.exists():
        raise Skip(f"no {dictionary}")
    words = dictionary.read_bytes().split()
    patterns = [word for word in words if len(word) > 9][::2] + [word[::-1] for word in words if len(word) > 6]
    return case.file("patterns", b"\n".join(patterns) + b"\n")


class Preparation:
    """A run of the costly example in eight slots."""

    def __init__(self, case, size, block):
        self.case = case
        self.patterns = make_patterns(case)
        self.text = case.text(size)
        endpoints = case.endpoints()
        self.worker = case.start(
            "fanfold-worker",
            *[*endpoints[:2], "-j", SLOTS, "--plugin", build_directory() / PLUGIN, "--", self.patterns],
        )
        self.sink = case.start("fanfold-sink", *endpoints)
        case.wait_for(self.all_slots, "all slots to be there")
        self.input_options = [*endpoints[:2], "--log-level", "trace", "--block", block, "--retries", 0]

    def start_input(self, stdin=None):
        """The ventilator, over the text as a file or over what the test writes."""
        named = [] if stdin else ["-i", self.text]
        return self.case.start("fanfold-ventilator", *self.input_options, *named, stdin=stdin)

    def named(self, name):
        """{pid} of this case's processes whose own name begins so."""
        return {pid for pid in self.case.leftovers() if comm(pid).startswith(name)}

    def all_slots(self):
        return len(self.named("fanfold-slot")) == SLOTS

    def preparations(self):
        return len(re.findall("patterns: prepared", self.worker.stderr()))

    def end(self, ventilator):
        for process in (ventilator, self.sink, self.worker):
            process.expect(0)
        grep = self.case.run(
            "grep", "-F", "-f", self.patterns, self.text, env={"LC_ALL": "C"}, name="grep", deadline=120
        )
        grep.expect(0)
        self.case.assert_same(self.sink.stdout, grep.stdout)
        found, size = os.path.getsize(grep.stdout), os.path.getsize(self.text)
        assert 0 < found < size, f"{found} of {size} bytes found"
        assert self.preparations() == 1, self.worker.stderr()


def comm(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def stat(pid):
    """State and ticks in user code; see proc(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    except OSError:
        return "X", 0
    return fields[0], int(fields[11])


def has_computed(pid):
    return stat(pid)[1] > 0


def is_computing(pid):
    """In the middle of a task: to begin takes no tick."""
    state, ticks = stat(pid)
    return state == "R" and ticks > 1


def test_the_costly_example_prepares_once_and_its_slots_share_the_memory(case):
    run = Preparation(case, 12 << 20, "128K")
    ventilator = run.start_input(subprocess.PIPE)
    with ventilator.stdin as pipe:
        pipe.write(run.text.read_bytes())
        pipe.flush()
        slots = run.named("fanfold-slot")
        case.wait_for(lambda: all(map(has_computed, slots)), "all slots to have worked")
        (zygote,) = run.named("fanfold-zygote")
        one = case.resident_bytes([zygote])
        eight = case.resident_bytes(slots)
        shared = case.proportional_bytes(slots | {zygote})
    run.end(ventilator)
    print(f"MiB: zygote {one >> 20}, {SLOTS} slots {eight >> 20} resident, with it {shared >> 20} proportional")
    assert one > 32 << 20 and eight > SLOTS / 2 * one, "too little to tell"
    assert shared < 2 * one, f"{shared} bytes, one has {one}"


def test_a_slot_that_is_killed_is_replaced_without_preparing_again(case):
    run = Preparation(case, 24 << 20, "4M")
    ventilator, kills = run.start_input(), 0
    # One that has just given its result away may still look busy: its death is no failure.
    while len(re.findall("trace received type=FAILED", ventilator.stderr())) < KILLS:
        kills += 1
        slots = run.named("fanfold-slot")
        pid = case.wait_for(lambda slots=slots: next(filter(is_computing, slots), None), "a slot to work")
        os.kill(pid, signal.SIGSEGV)
        case.wait_for(lambda pid=pid: run.all_slots() and pid not in run.named("fanfold-slot"), "another slot")
    run.end(ventilator)
    counts = counts_of(ventilator)
    print(counts)
    assert KILLS <= counts["failed"] == counts["retried"] <= kills, (counts, kills)
