# SPDX-License-Identifier: MIT
"""`--mode lines` with programs that write more or fewer lines than they are asked for: whatever they print, and however
slow they are, a run that ends with status 0 has the right output, and every run ends.
"""

import os
import random
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from harness import SLOWNESS

TALKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "talker.py")
PROGRAMS = 24  # random ones; --programs N: so many
AT_ONCE = 4
SILENCE = 2.0 * SLOWNESS
starting = Lock()


def words(plan, around=""):
    python = ["/usr/bin/python3", "-ISE", TALKER, repr(plan)]
    return ["sh", "-c", around, "sh", *python] if around else python


def wanted(text):
    return b"".join(b"<%s>\n" % line for line in text.splitlines())


def numbered(count):
    return b"".join(b"%d\n" % number for number in range(1, count + 1))


def lines(case, command, text, *options):
    with starting:
        run = case.start("fanfold", "--mode", "lines", "--silence", str(SILENCE), *options, "--", *command, stdin=text)
    run.status = run.wait(120)
    assert run.status in (0, 3, 4), run.stderr()
    return run


# ---- one by one ----

GREETINGS = [
    ({"greeting": ["Loading model ... done\n", 0, "main"]}, ""),
    ({"greeting": ["Loading model ... done\n", 0.3, "main"]}, ""),
    ({"greeting": ["> ", 0, "main"]}, ""),
    ({"greeting": ["late\n", 0.3, "child"]}, ""),
    ({"greeting": ["late\n", 0.3, "main"]}, '"cat" | "$@"'),
    ({}, 'echo hello; exec "$@"'),
    ({}, '"$@" | (echo hello; cat)'),
]


@pytest.mark.parametrize("number", range(len(GREETINGS)))
def test_a_greeting_is_no_answer_however_slow_the_program(case, number):
    plan, around = GREETINGS[number]
    run = lines(case, words({**plan, "delay": 0.1}, around), numbered(6), "-j2", "-N2", "--retries", "1")
    # Whichever comes first: a chunk that failed for good, or ten processes without a chunk.
    assert run.status in (3, 4) and run.output() == b"", (run.status, run.output())
    assert "wrote lines that it was not asked for" in run.stderr(), run.stderr()
    assert "to standard error" in run.stderr()


def test_a_greeting_is_said_once_and_then_counted(case):
    """Each process says it anew, and the log is for reading."""
    for options in (["-j1"], ["-j4"], ["-j2", "--on-error", "skip"]):
        run = lines(case, ["sh", "-c", "echo hello; exec cat"], numbered(60), "-N2", *options)
        assert run.status in (3, 4), run.status
        said = [line for line in run.stderr().splitlines() if "fault_between_chunks" in line]
        times = [int(re.search(r" times=(\d+) ", line)[1]) for line in said]
        assert times == [1, 10, 100][: len(times)] and "hello" in said[0], run.stderr()


def test_a_program_that_does_not_end_after_its_input_is_waited_for_and_then_ended(case):
    """A few seconds are its right; after fifteen what it was seen to answer in step is believed."""
    slow, stuck = ("while read -r l; do echo $l; done; sleep %d" % seconds for seconds in (8, 1000))
    runs = [case.start("fanfold", "--mode", "lines", "-j1", "-o", f"out{i}", "--", "sh", "-c", script, stdin=numbered(6)) for i, script in enumerate((slow, stuck))]
    began = time.monotonic()
    assert runs[0].wait(60) == 0 and runs[1].running()
    assert case.path("out0").read_bytes() == numbered(6)
    assert runs[1].wait(60) == 0 and time.monotonic() - began > 14
    assert case.path("out1").read_bytes() == numbered(6)
    case.assert_no_leftovers()


def test_a_line_too_many_on_the_way_is_found_by_the_next_at_the_latest(case):
    for plan in (
        {"before": {2: ["working\n", 0, "main"]}},
        {"before": {2: ["working\n", 0, "main"]}, "dropped": [5]},
        {"after": {2: ["more\n", 0.2, "main"]}},
        {"after": {2: ["more\n", 0.2, "child"]}},
        {"after": {2: ["more\n", 0.3, "thread"]}},
        {"before": {2: ["more\n", 0, "main"]}, "ahead": True},
    ):
        for size in ("-N1", "-N3"):
            run = lines(case, words({**plan, "delay": 0.05}), numbered(8), "-j1", size, "--retries", "1")
            assert run.status != 0, (plan, size, run.output())
            assert wanted(numbered(8)).startswith(run.output()) or "in doubt" in run.stderr(), (plan, run.stderr())


def test_a_line_behind_the_last_turns_the_status(case):
    for plan, around in [
        ({"farewell": ["bye\n", 0, "main"]}, ""),
        ({"farewell": ["bye\n", 0.2, "main"]}, ""),
        ({}, '"$@"; echo bye'),
    ]:
        run = lines(case, words(plan, around), numbered(8), "-j2", "-N2")
        assert run.status == 4 and run.output() == wanted(numbered(8))
        assert "the output is in doubt from chunk" in run.stderr() and 'bye' in run.stderr(), run.stderr()


def test_programs_that_keep_to_the_mode_are_believed(case):
    for plan, around in [
        ({"delay": 0.1}, ""),
        ({"ahead": True, "delay": 0.02}, ""),
        ({}, 'sleep 0.5; exec "$@"'),
        ({}, '"$@" | cat'),
        ({}, '"$@"; exit 0'),
    ]:
        run = lines(case, words(plan, around), numbered(8), "-j2", "-N2")
        run.expect(0)
        assert run.output() == wanted(numbered(8)), plan


def test_a_death_leaves_no_doubt_where_the_program_was_seen_in_step(case):
    once = str(case.path("once"))
    for how in (3, "signal"):
        plan = {"death": [5, how], "once": once + str(how), "delay": 0.02}
        run = lines(case, words(plan), numbered(12), "-j1", "-N1")
        run.expect(0)
        assert run.output() == wanted(numbered(12))


def test_an_output_in_doubt_cannot_be_resumed(case):
    output, command = case.path("output"), words({"farewell": ["bye\n", 0, "main"]})
    run = lines(case, command, numbered(8), "-j2", "-N2", "-o", output)
    assert run.status == 4
    assert f"{output} may be wrong, and cannot be resumed: run the command again, without --resume" in run.stderr()
    assert not case.path("output.fanfold").exists()
    again = case.run("fanfold", "--mode", "lines", "-o", output, "--resume", "--", *command, stdin=numbered(8))
    assert again.status not in (0, 1), again.stderr()


def test_an_interrupt_does_not_hide_a_doubt(case):
    gate = case.gate()
    script = f"read -r x; echo $x; echo >> began; : <{gate}; read -r x && echo $x; cat; echo bye"
    run = case.start("fanfold", "--mode", "lines", "-j1", "-N1", "-o", "out", "--", "sh", "-c", script, stdin=subprocess.PIPE)
    run.stdin.write(b"1\n2\n")
    run.stdin.flush()
    case.wait_for(case.path("began").exists, "the program to be at it")
    run.signal(signal.SIGINT)
    gate.open()
    run.expect(4)
    assert "the output is in doubt from chunk" in run.stderr(), run.stderr()


# ---- roles by hand ----

# It watches something else besides its input: nobody sees what it waits for.
WATCHES = """
import os, select, sys
other, _ = os.pipe()
while True:
    select.select([0, other], [], [])
    line = sys.stdin.buffer.readline()
    if not line:
        break
    os.write(1, b"<" + line.strip() + b">\\n")
"""


class ByHand:
    """Ventilator, sink, and workers of mode lines with commands of their own."""

    def __init__(self, case, *commands):
        self.case = case
        self.text = b""
        self.workers = []
        ends = [*case.endpoints(), "--liveness", "1"]
        self.sink = case.start("fanfold-sink", *ends)
        self.tasks = [*ends[:2], "--liveness", "1"]
        self.ventilator = case.start(
            "fanfold-ventilator", *self.tasks, "-N1", "--min-workers", len(commands), stdin=subprocess.PIPE
        )
        for command in commands:
            self.add(command)

    def add(self, command):
        worker = self.case.start("fanfold-worker", *self.tasks, "-j1", "--mode", "lines", "--", *command)
        self.workers.append(worker)

    def feed(self, text):
        self.text += text
        self.ventilator.stdin.write(text)
        self.ventilator.stdin.flush()

    def serve(self, text):
        self.feed(text)
        self.case.wait_for(lambda: self.sink.output() == wanted(self.text), "the results")

    def expect(self, status):
        self.ventilator.stdin.close()
        self.ventilator.expect(status)
        self.sink.expect(status)


def test_a_doubt_at_one_worker_ends_the_run_for_all_roles(case):
    run = ByHand(case, words({"farewell": ["bye\n", 0, "main"]}))
    run.serve(b"1\n")
    run.serve(b"2\n")
    run.expect(4)
    assert "the output is in doubt from chunk" in run.ventilator.stderr() and "bye" in run.ventilator.stderr()
    assert run.workers[0].wait() == 4


def test_a_run_whose_programs_cannot_be_seen_into_ends_well_when_they_have_ended(case):
    run = ByHand(case, *[["/usr/bin/python3", "-c", WATCHES]] * 2)
    run.feed(numbered(12))
    run.expect(0)
    assert run.sink.output() == wanted(numbered(12))
    assert [worker.wait() for worker in run.workers] == [0, 0]


def test_a_worker_that_is_killed_before_its_program_was_compared_leaves_a_doubt(case):
    run = ByHand(case, ["/usr/bin/python3", "-c", WATCHES])
    run.serve(b"1\n")
    os.kill(run.workers[0].pid, signal.SIGKILL)
    run.add(["/usr/bin/python3", "-c", WATCHES])
    run.feed(b"2\n")
    run.expect(4)
    assert "the output is in doubt from chunk" in run.ventilator.stderr(), run.ventilator.stderr()


def test_a_worker_that_leaves_compares_first(case):
    for plan, status in [({}, 0), ({"farewell": ["bye\n", 0, "main"]}, 4)]:
        run = ByHand(case, words(plan))
        run.serve(b"1\n")
        run.workers[0].signal(signal.SIGTERM)
        assert run.workers[0].wait() == status
        if status == 0:
            run.add(words({}))
            run.serve(b"2\n")
        run.expect(status)


# ---- many at random ----


def make_plan(chance, once):
    """A plan, and whether it keeps to the mode."""
    plan, good = {"delay": chance.choice([0, 0, 0.01, 0.05, 0.1, chance.random() / 2])}, True
    count = chance.randrange(1, 7 if plan["delay"] > 0.1 else 20)

    def say(text):  # a piece of a line would become a part of the next answer, if one follows
        by = chance.choice(["main", "main", "thread", "child"])
        piece = text == "farewell" or (text == "greeting" and by == "main")
        text = chance.choice([text + "\n", text + "\n" + text + "\n", text + "\n" * (not piece)])
        return [text, chance.choice([0, 0, 0.05, 0.3]), by]

    for key in chance.sample(["greeting", "before", "after", "dropped", "hold", "death", "farewell"], chance.choice([0, 1, 1, 1, 2, 3])):
        good = False
        if key in ("greeting", "farewell"):
            plan[key] = say(key)
        elif key in ("before", "after"):
            plan[key] = {chance.randrange(1, count + 1): say(key) for _ in range(chance.randrange(1, 3))}
        elif key == "dropped":
            plan[key] = [chance.randrange(1, count + 1)]
        elif key == "hold":
            plan[key] = chance.randrange(2, 6)
        else:
            plan[key] = [chance.randrange(1, count + 1), chance.choice([0, 3, "signal"])]
            if chance.random() < 0.5:
                plan["once"] = once
    if chance.random() < 0.2:
        plan["ahead"] = True
    return plan, count, good


def makes_up(plan, options):
    """A line too many and one too few, which nobody can tell apart from none where they come together; or a
    piece of a line from a program that was asked before it wrote that, as it slept before it read or held it back
    with its answers: a part of its first answer."""
    greeting = plan.get("greeting")
    if greeting and (greeting[1] > 0 or plan.get("hold", 1) > 1) and not greeting[0].endswith("\n"):
        return True
    more = any(key in plan for key in ("greeting", "before", "after", "farewell"))
    said = [plan.get("greeting"), plan.get("farewell"), *plan.get("before", {}).values(), *plan.get("after", {}).values()]
    late = any(one and one[1] > 0 and one[2] != "main" for one in said)  # it may come where an answer is missing
    good_death = plan.get("death", [0, 1])[1] == 0  # nobody sees that the line it was at has no answer
    fewer = "dropped" in plan and (late or plan["delay"] < 0.05 or "-N1" not in options)
    return more and (fewer or good_death)


def check_program(case, seed):
    chance = random.Random(seed)
    plan, count, good = make_plan(chance, str(case.path(f"once{seed}")))
    around = chance.choice(["", "", "", 'cat | "$@"', '"$@" | cat', 'exec "$@"', '"$@"; true'])
    options = [f"-j{chance.randrange(1, 3)}", chance.choice(["-N1", "-N2", "-N3", "-N7", "--block=1M"])]
    text = numbered(count)
    run = lines(case, words(plan, around), text, *options)
    told = (seed, plan, around, options, count, run.status, run.output(), run.stderr())
    assert run.status or run.output() == wanted(text) or makes_up(plan, options), told
    assert run.status == 0 or not good, told
    return run.status


@pytest.mark.deadline(3600)
def test_random_programs_never_give_wrong_output_with_status_0(case, request):
    number = request.config.getoption("--programs") or PROGRAMS
    first = 0 if request.config.getoption("--programs") else random.randrange(1 << 30)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = list(pool.map(lambda seed: check_program(case, seed), range(first, first + number)))
    print({status: statuses.count(status) for status in sorted(set(statuses))})
