# SPDX-License-Identifier: MIT
"""--rotate: an output in parts, each complete when it has its name; all in a row are the output, whatever is killed when."""

import os
import random
import shutil
import signal
import subprocess

import pytest
from harness import program_path
from resuming import Resumption, journal_path, kill_everything, refused
from test_commit_order import require_strace
from test_resume import name_of

UPPER = ["--", "tr", "a-z", "A-Z"]
LINES = b"".join(b"line %d\n" % number for number in range(20000))


def parts_of(output):
    """In their order, which is that of their names."""
    return sorted(output.parent.glob(f"{output.name}.[0-9a-z]*[0-9]"))


def joined(output):
    return b"".join(part.read_bytes() for part in parts_of(output))


def expect_parts(output, content):
    """All there is of a complete run."""
    parts = parts_of(output)
    assert [part.name for part in parts] == [f"{output.name}.{number + 1:06}" for number in range(len(parts))]
    assert joined(output) == content
    assert not output.exists() and not journal_path(output).exists()
    return parts


def test_a_part_ends_with_the_result_that_makes_it_large_enough(case):
    output = case.path("out")
    run = case.run("fanfold", "-N100", "-j2", "-o", output, "--rotate", "10K", *UPPER, stdin=LINES)
    run.expect(0)
    parts = expect_parts(output, LINES.upper())
    for part in parts[:-1]:
        size = part.stat().st_size
        last = part.read_bytes().splitlines(True)[-100:]
        assert size >= 10240 > size - sum(map(len, last)), size
    assert f"the output is in {len(parts)} parts, {output}.000001 to {parts[-1]}" in run.stderr()


def test_results_of_every_kind_are_rotated(case):
    """Larger than a part, than any piece, or empty; and framed records."""
    records = [b"x" * size + b"\n" for size in (10, 3000000, 0, 0, 700000, 5, 300000, 300000, 1)]
    text = case.file("text", b"".join(records))
    for name, words, content in (
        ("plain", [], b"".join(records)),
        ("framed", ["--frames-out=record"], b"".join((len(r) - 1).to_bytes(4, "big") + r[:-1] for r in records)),
        ("none", [], b""),
    ):
        output = case.path(name)
        command = ["cat"] if content else ["true"]
        run = case.run("fanfold", *words, "-N1", "-j2", "-i", text, "-o", output, "--rotate", "400K", "--", *command)
        run.expect(0)
        parts = expect_parts(output, content)
        assert len(parts) == (4 if content else 0)


def test_a_part_ends_when_it_is_old_enough(case):
    """The rest of the input does not come before the part has its name."""
    output, feed = case.path("out"), case.gate("feed")
    text = case.file("text", LINES)
    fanfold = f"{program_path('fanfold')} --block-timeout 10ms -N500 -o {output} --rotate 100ms -- cat"
    run = case.start("sh", "-c", f"(head -n 100 {text}; : <{feed}; tail -n +101 {text}) | {fanfold}")
    case.wait_for(lambda: parts_of(output), "the first part")
    first = parts_of(output)[0].read_bytes()
    assert LINES.startswith(first) and 0 < len(first) <= len(b"".join(LINES.splitlines(True)[:100]))
    feed.open()
    run.expect(0)
    expect_parts(output, LINES)


def test_the_header_is_in_the_first_part_alone(case):
    output = case.path("out")
    words = ["-N100", "-j2", "--header-out", 1, "-o", output, "--rotate", "10K", "--", "sed", "1i title"]
    case.run("fanfold", *words, stdin=LINES).expect(0)
    expect_parts(output, b"title\n" + LINES)


@pytest.mark.parametrize("headed", [False, True])
def test_a_resumed_run_has_the_header_once_though_its_first_part_is_empty_frames(case, headed):
    """Or not empty: then no later part brings another."""
    output, gate = case.path("out"), case.gate()
    first = 0 if headed else 2  # the first chunk that has a result
    script = f'[ $FANFOLD_SEQ -lt 2 ] || : <{gate}; [ $FANFOLD_SEQ -lt {first} ] || sed "1i title"'
    words = ["-N1", "-j1", "--header-out", 1, "--frames-out", "-o", output, "--rotate", "8", "--", "sh", "-c", script]
    text = case.file("text", b"a\nb\nc\nd\n")
    case.start("fanfold", "-i", text, *words)
    case.wait_for(lambda: parts_of(output), "the first part")
    kill_everything(case)
    gate.open()
    case.run("fanfold", "--resume", "-i", text, *words).expect(0)
    bodies = [b"title\na\n", b"b\n", b"c\n", b"d\n"] if headed else [b"", b"", b"title\nc\n", b"d\n"]
    expect_parts(output, b"".join(len(body).to_bytes(4, "big") + body for body in bodies))


class Taker:
    """Takes each complete part away, as a user's program does."""

    def __init__(self, output):
        self.output = output
        self.taken = []

    def take(self):
        for part in parts_of(self.output):
            self.taken.append((part.name, part.read_bytes()))
            part.unlink()

    def expect(self, content):
        self.take()
        names = [name for name, _ in self.taken]
        assert names == [f"{self.output.name}.{number + 1:06}" for number in range(len(names))]
        assert b"".join(data for _, data in self.taken) == content


def test_no_empty_part_stays_of_a_run_that_had_only_its_end_to_do(case):
    output = case.path("out")
    words = ["--rotate", "1K", "-N1000", "-j1", "-o", output, "--", "cat"]
    text = b"".join(b"%d\n" % number for number in range(1000))
    run = case.start("fanfold", *words, stdin=subprocess.PIPE)
    run.stdin.write(text)
    run.stdin.flush()
    case.wait_for(lambda: case.path("out.000001").exists() and output.exists(), "the next part")
    kill_everything(case)
    assert output.stat().st_size == 0
    case.run("fanfold", "--resume", *words, stdin=text).expect(0)
    expect_parts(output, text)


@pytest.mark.deadline(240)
@pytest.mark.parametrize("fed", [False, True])
def test_a_rotated_run_that_is_killed_again_and_again_has_each_byte_once(case, fed):
    text = case.text(3 << 20)
    chance = random.Random(fed)
    options = ["--rotate", "64K", "--block", "16K", "--buffer", "256K", "-j2", "--resume"]
    run = Resumption(case, text, *options, script="sleep 0.01; tr a-z A-Z", fed=fed)
    taker = Taker(run.output)
    for leg in range(6):
        process = run.start()
        goal = len(taker.taken) + chance.randrange(1, 7)

        def reached(goal=goal, process=process):
            taker.take()
            return len(taker.taken) >= goal or not process.running()

        case.wait_for(reached, f"the moment of leg {leg}", 120)
        assert process.running(), "the run has ended"
        kill_everything(case, chance)
    run.start().expect(0, 120)
    taker.expect(text.read_bytes().upper())
    assert not run.output.exists() and not journal_path(run.output).exists()


# What the commit process does for the first part's end, call by call: the journal that says so, the part's name, the next
# part's journal, the answer. The first of each call is of the commit before.
STEPS = {"fdatasync": (2, 3), "renameat2": (2, 3, 4), "fsync": (3, 4, 5, 6, 7), "sendmsg": (2,)}


@pytest.mark.deadline(300)
@pytest.mark.parametrize("name", list(STEPS))
def test_a_kill_at_any_step_of_a_rotation_loses_and_doubles_nothing(case, name):
    """The commit process is killed as it begins the call, and all others then."""
    require_strace(case)
    text = case.file("text", LINES)
    for number in STEPS[name]:
        output = case.path(f"out-{name}-{number}")
        at = case.endpoints(f"run-{name}-{number}")
        inject = ["-e", f"trace={name}", "-e", f"inject={name}:signal=SIGKILL:when={number}"]
        words = [*at, "-o", output, "--rotate", "40K"]
        sink = case.start("strace", "-f", "-o", "/dev/null", *inject, program_path("fanfold-sink"), *words)
        case.start("fanfold-worker", *at[:2], "-j2", *UPPER)
        case.start("fanfold-ventilator", *at[:2], "-N200", "-i", text)
        sink.wait()
        kill_everything(case)
        taker = Taker(output)
        taker.take()
        words = ["-N200", "-j2", "-i", text, "-o", output, "--rotate", "40K", "--resume", *UPPER]
        assert journal_path(output).exists() and len(taker.taken) <= 2
        case.run("fanfold", *words).expect(0)
        taker.expect(LINES.upper())
        assert not output.exists() and not journal_path(output).exists()


def test_another_ventilator_comes_while_results_wait_behind_a_part_that_is_full(case):
    """Nothing is written behind it before it is committed, and the new epoch waits for what is to be written there."""
    text, output, log = case.file("text", LINES), case.path("out"), case.path("log")
    at, gate = case.endpoints(), case.gate()
    words = [*at[:2], "-N100", "-i", text, "--resume", "--log-level", "trace"]
    sink = case.start("fanfold-sink", *at, "-o", output, "--rotate", "2K")
    worker = case.start("fanfold-worker", *at[:2], "-j2", "--", "sh", "-c", f": <{gate}; cat")
    ventilator = case.start("fanfold-ventilator", *words, "--joblog", log)
    ventilator.wait_for_stderr("type=TASK")
    (helper,) = [pid for pid in case.leftovers() if name_of(pid) == "fanfold-commit"]
    os.kill(helper, signal.SIGSTOP)
    gate.open()
    case.wait_for(lambda: log.exists() and log.read_bytes().count(b"\n") > 100, "results to wait in the sink")
    ventilator.signal(signal.SIGKILL)
    ventilator.expect(137)
    ventilator = case.start("fanfold-ventilator", *words)
    ventilator.wait_for_stderr("type=WELCOME")  # the sink's: workers wait for BEGIN
    os.kill(helper, signal.SIGCONT)
    for process in (ventilator, sink, worker):
        process.expect(0)
    expect_parts(output, LINES)


def test_the_parts_of_an_earlier_run_are_not_touched(case):
    output = case.path("out")
    old = case.file("out.000007", b"old")
    words = ["-o", output, "--rotate", "10K", *UPPER]
    refused(case, words, 2, "out.000007 is a part of another run's output: move the parts away", stdin=LINES)
    assert old.read_bytes() == b"old" and not output.exists()
    old.unlink()
    gate = case.gate()
    run = case.start("fanfold", "-N100", "-j1", *words[:4], "--", "sh", "-c", f": >begun; : <{gate}; cat", stdin=LINES)
    case.wait_for(case.path("begun").exists, "the run to begin")
    stranger = case.file("out.000001", b"another")
    gate.open()
    run.expect(4)
    assert "cannot finish a part of the output: another file has its name; it is left alone" in run.stderr()
    assert stranger.read_bytes() == b"another"
    stranger.rename(case.path("away"))
    case.run("fanfold", *words[:4], "--resume", "-N100", "--", "cat", stdin=LINES).expect(0)
    expect_parts(output, LINES)


def test_a_run_is_resumed_as_it_was_rotated_or_not(case):
    text = case.file("text", LINES)
    rotated = Resumption(case, text, "--rotate", "1M", "-N100", script=': <"$GATE"; cat', name="rotated")
    rotated.gate.shut()
    rotated.start()
    case.wait_for(journal_path(rotated.output).exists, "the journal")
    kill_everything(case)
    shutil.copy(journal_path(rotated.output), case.path("copy"))
    words = ["-i", text, "-o", rotated.output, "--resume", *UPPER]
    refused(case, words, 2, "has its output in parts: give --rotate as before")


def test_what_cannot_be_rotated_is_refused(case):
    case.path("link").symlink_to(case.path("file"))
    for words, sentence in (
        ([], "--rotate: expected -o FILE, a regular file"),
        (["-o", "/dev/null"], "--rotate: expected -o FILE, a regular file"),
        (["-o", "link"], "--rotate: expected a regular file, and link is a link"),
        (["-o", "out", "--unordered"], "--rotate: expected no --unordered, which has no journal"),
    ):
        run = case.run("fanfold", "--rotate", "10K", *words, *UPPER, stdin=b"")
        run.expect(2)
        assert sentence in run.stderr(), run.stderr()
    run = case.run("fanfold", "--rotate", "5m", "-o", "out", *UPPER, stdin=b"")
    run.expect(2)
    assert "5m could be either" in run.stderr()
