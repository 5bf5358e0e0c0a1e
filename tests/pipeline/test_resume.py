# SPDX-License-Identifier: MIT
"""A run that was cut short anywhere goes on with --resume, to the same bytes; or it refuses,
says why, and touches nothing.

`pytest test_resume.py --moments 100 --size 512M -k killed` kills all processes of a run at
once at so many moments, of a run over a file and of one over a pipe that is fed from its
start again;
`pytest test_resume.py --full -k byte` spoils each byte of a journal, not just some.
"""

import contextlib
import os
import pty
import random
import shutil
import signal
import subprocess
import time

import pytest
from dead_letters import Records, misbehaving_program, read_dead_letters
from harness import SLOWNESS, option
from resuming import (
    HELD_UPPER,
    NOTING_UPPER,
    Remains,
    Resumption,
    journal_path,
    kill_everything,
    make_upper,
    position_of,
    read_journal,
    refused,
    size_of,
)

MIB = 1 << 20


# Slow enough for a moment not to be missed.
NOTING_SLOW_UPPER = f"sleep 0.03 {NOTING_UPPER}"

MOMENTS = option("moments", 5 if SLOWNESS > 1 else 8)
SIZE = option("size", 16 * MIB)
FULL = option("full", False)
BLOCK = max(128 << 10, SIZE // 512)
SMALL = ["--block", "4K", "-j2"]
HELD = 6

# ---- killed at any moment ----


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return ""


class Killed:
    """A run over a text that is killed as a whole, again and again, and gone on with."""

    def __init__(self, case, fed, seed):
        self.case = case
        self.chance = random.Random(seed)
        text = case.text(SIZE)
        options = ["--block", BLOCK, "--buffer", 8 * BLOCK, "-j2", "--resume"]
        self.run = Resumption(case, text, *options, script=NOTING_SLOW_UPPER, fed=fed)
        self.expected = make_upper(case, text)
        self.committed = 0  # task, before the leg that runs
        self.checked = 0  # bytes of the output, by journals
        self.early = self.again = self.most_uncommitted = 0

    def reach(self, process, target):
        """A moment: so many bytes were written, or only so many processes are there."""
        if target <= size_of(self.run.output) or self.chance.random() < 0.1:
            count = self.chance.randint(1, 8)
            condition = lambda: len(self.case.leftovers()) >= count  # pylint: disable=unnecessary-lambda-assignment
            self.early += 1
        else:
            condition = lambda: size_of(self.run.output) >= target  # pylint: disable=unnecessary-lambda-assignment
        self.case.wait_for(lambda: condition() or not process.running(), "the moment", 120)

    def check_journal(self):
        """What it vouches for is there and right, and what is not yet done was not done before."""
        begun = self.run.begun()
        again = [seq for seq in begun if seq < self.committed]
        assert not again, f"tasks {again} were committed, and were done again"
        journal = read_journal(self.run.output)
        if journal is None:
            assert self.committed == 0 and size_of(self.run.output) == 0
            return
        assert journal.next >= self.committed, (journal, self.committed)
        assert size_of(self.run.output) >= journal.offset, (size_of(self.run.output), journal)
        with open(self.run.output, "rb") as ours, open(self.expected, "rb") as theirs:
            for file in (ours, theirs):
                file.seek(self.checked)
            length = journal.offset - self.checked
            assert ours.read(length) == theirs.read(length), f"wrong before byte {journal.offset}"
        self.checked = journal.offset
        self.most_uncommitted = max(self.most_uncommitted, size_of(self.run.output) - journal.offset)
        self.committed = journal.next

    def go(self):
        kills = 0
        targets = sorted(self.chance.randrange(SIZE * 9 // 10) for _ in range(MOMENTS))
        for target in targets:
            process = self.run.start()
            self.reach(process, target)
            assert process.running(), f"the run ended after {kills} kills"
            kill_everything(self.case, self.chance)
            kills += 1
            self.check_journal()
        process = self.run.start()
        process.expect(0, 600)
        self.case.assert_same(self.run.output, self.expected)
        assert not journal_path(self.run.output).exists()
        again = [seq for seq in self.run.begun() if seq < self.committed]
        assert not again, f"tasks {again} were committed, and were done again"
        all_begun = [seq for leg in range(len(self.run.legs)) for seq in self.run.begun(leg)]
        again = len(all_begun) - len(set(all_begun))
        print(f"{kills} kills, {self.early} of them early; {len(set(all_begun))} tasks, {again} begun again;")
        print(f"at most {self.most_uncommitted} bytes were not committed")


@pytest.mark.deadline(60.0 + 5 * MOMENTS)
def test_a_run_over_a_file_that_is_killed_at_any_moment_resumes(case):
    Killed(case, False, seed=3).go()


@pytest.mark.deadline(60.0 + 5 * MOMENTS)
def test_a_run_over_a_pipe_that_is_killed_at_any_moment_resumes(case):
    Killed(case, True, seed=4).go()


# ---- the input ----


def change(path, at, data):
    """Bytes in the middle of the file, and its time with them."""
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


def test_an_input_that_is_another_is_refused_and_nothing_touched(case):
    text = case.path("text")
    original = case.text(1 * MIB)
    shutil.copy(original, text)
    run = Resumption(case, text, "--block", "64K", "-j2", script=HELD_UPPER)
    remains = run.begin_and_kill(HELD)
    words = run.words()
    shutil.copy(original, text)
    change(text, 100, b"X")  # the head
    refused(case, words, 4, "^fanfold-ventilator: .*text: cannot resume: .*begins differently", remains)
    shutil.copy(original, text)
    change(text, MIB - 100, b"X")  # the tail
    refused(case, words, 4, "^fanfold-ventilator: .*text: cannot resume: .*ends differently", remains)
    shutil.copy(original, text)
    change(text, 200 << 10, b"X")  # what was consumed
    refused(case, words, 4, "^fanfold-ventilator: .*text: cannot resume: .*differs before byte", remains)
    shutil.copy(original, text)
    change(text, MIB, b"more\n")
    refused(case, words, 4, "^fanfold-ventilator: .*text: cannot resume: .*size", remains)
    os.truncate(text, MIB // 2)
    refused(case, words, 4, "^fanfold-ventilator: .*text: cannot resume: .*size", remains)
    os.truncate(text, 0)
    refused(case, words, 4, "^fanfold-ventilator: .*text: cannot resume: .*size", remains)
    shutil.copy(original, text)  # only its time is another
    run.complete(expected=make_upper(case, original))


def test_options_that_cut_otherwise_are_refused_by_their_names(case):
    run = Resumption(case, case.text(64 << 10), *SMALL, script=HELD_UPPER)
    remains = run.begin_and_kill(HELD)
    for options, name in [
        (["--recend", " "], "--recend"),
        (["-0"], "--recend"),
        (["-L", 2], "-L"),
        (["-N", 10], "-N"),
        (["--block", "8K"], "--block"),
    ]:
        refused(case, run.words(*options), 4, f"^fanfold-ventilator: .*cannot resume: .*{name}", remains)
    run.complete()


def test_a_stream_that_is_another_is_refused(case):
    text = case.text(64 << 10)
    run = Resumption(case, text, *SMALL, script=HELD_UPPER, fed=True)
    remains = run.begin_and_kill(HELD)
    words = [*SMALL, "--resume", "-o", run.output, "--", "cat"]

    def refused_stream(data, pattern):
        feeder = case.start("cat", stdin=data, stdout=subprocess.PIPE)
        refused(case, words, 4, "^fanfold-ventilator: standard input: cannot resume: " + pattern, remains, stdin=feeder.popen.stdout)
        feeder.popen.stdout.close()

    data = text.read_bytes()
    refused_stream(data[:1000] + b"X" + data[1001:], ".*differs before byte")
    refused_stream(data[: 10 << 10], ".*it ends at byte")
    refused_stream(b"", ".*it ends at byte")
    run.complete()


def test_a_file_resumes_as_a_pipe_and_a_pipe_as_a_file(case):
    text = case.text(64 << 10)
    for fed in (True, False):
        run = Resumption(case, text, *SMALL, script=HELD_UPPER, fed=fed, name=f"output-{fed}")
        run.begin_and_kill(HELD)
        run.fed = not fed
        run.complete()


# ---- output and journal ----


def test_an_output_that_is_shorter_than_its_journal_says_is_refused(case):
    run = Resumption(case, case.text(64 << 10), *SMALL, script=HELD_UPPER)
    remains = run.begin_and_kill(HELD)
    for size in (read_journal(run.output).offset - 1, 0):
        os.truncate(run.output, size)
        refused(case, run.words(), 4, "^fanfold-sink: .*output.*short", Remains(run.output))
    run.output.unlink()
    refused(case, run.words(), 4, "^fanfold-sink: .*output", Remains(run.output))
    remains.restore()
    run.complete()


def test_an_output_that_is_another_than_its_journal_says_is_refused(case):
    """Longer than it need be, but not what the run has written there."""
    text = case.text(64 << 10)
    run = Resumption(case, text, *SMALL, script=HELD_UPPER)
    remains = run.begin_and_kill(HELD)
    offset = read_journal(run.output).offset
    for at in (0, offset - 1):
        change(run.output, at, b"#")
        refused(case, run.words(), 4, "^fanfold-sink: .*output is not what", Remains(run.output))
        remains.restore()
    alias = case.path("alias")  # another run writes the same file under another name
    alias.symlink_to(run.output)
    words = ["--block", "4K", "-j2", "-o", alias, "-i", text, "--", "cat"]
    case.run("fanfold", *words).expect(0)
    refused(case, run.words(), 4, "^fanfold-sink: .*output is not what", Remains(run.output))
    remains.restore()
    change(run.output, offset, b"#")  # what does not count may be anything
    run.complete()


def test_an_output_that_is_taken_away_while_it_is_written_is_no_success(case):
    run = Resumption(case, case.text(64 << 10), *SMALL, script=HELD_UPPER)

    def replace():
        run.output.rename(case.path("moved"))
        run.output.write_bytes(b"something else\n")

    for take_away in (run.output.unlink, replace):
        run.gate.shut()
        process = run.start()
        case.wait_for(lambda: run.begun(), "the run to begin")
        take_away()
        run.gate.open()
        process.expect(4)
        assert "output: it was removed or replaced" in process.stderr(), process.stderr()
        case.assert_no_leftovers()
        journal_path(run.output).unlink(missing_ok=True)
    case.run("fanfold", "-i", run.text, "--unordered", "-o", case.path("unordered"), "--", "rm", case.path("unordered")).expect(4)


def test_a_run_that_is_ended_before_its_first_commit_can_always_resume(case):
    """What was written and not committed lies in the output, and nothing is written after it."""
    run = Resumption(case, case.text(64 << 10), *SMALL, script=HELD_UPPER)
    run.gate.shut()
    run.start()
    case.wait_for(lambda: run.begun() and journal_path(run.output).exists(), "the run to begin")
    (helper,) = [pid for pid in case.leftovers() if name_of(pid) == "fanfold-commit"]
    os.kill(helper, signal.SIGSTOP)
    run.gate.open()
    case.wait_for(lambda: size_of(run.output) > 0, "something to be written")
    kill_everything(case)
    assert position_of(run.output) == 0 and size_of(run.output) > 0
    for times in (1, 2):
        run.gate.shut()
        process = run.start("--resume")
        case.wait_for(lambda: run.begun(), "the run to go on")
        (sink,) = [pid for pid in case.leftovers() if name_of(pid) == "fanfold-sink"]
        for _ in range(times):
            with contextlib.suppress(ProcessLookupError):  # the first was enough
                os.kill(sink, signal.SIGTERM)
        process.wait(60)
        case.assert_no_leftovers()
        run.gate.open()
    run.complete()


def test_dead_letters_of_another_run_are_not_taken_for_ones_that_do_not_count(case):
    letters = case.path("letters")
    run = Resumption(case, case.text(64 << 10), *SMALL, "--dead-letters", letters, script=HELD_UPPER)
    remains = run.begin_and_kill(HELD)
    records = Records(case, 100, {5: "!exit 3", 50: "!exit 3"})
    words = ["-N", 10, "--on-error", "skip", "-i", records.path, "-o", case.path("other"), "--dead-letters", letters]
    case.run("fanfold", *words, *misbehaving_program()).expect(1)
    theirs = read_dead_letters(letters)
    assert len(theirs) == 2
    refused(case, run.words(), 2, "^fanfold-sink: .*dead letters of another run", remains)
    assert read_dead_letters(letters) == theirs
    letters.rename(case.path("moved"))
    run.complete()


def test_an_output_without_a_journal_is_begun_only_where_it_is_empty(case):
    text = case.text(64 << 10)
    run = Resumption(case, text, *SMALL)
    run.output.write_bytes(b"something else\n")
    refused(case, run.words(), 2, r"^fanfold-sink: .*output.*journal", Remains(run.output))
    for begin in (run.output.unlink, lambda: run.output.write_bytes(b"")):
        begin()
        run.complete()
        assert sorted(run.begun()) == list(range(len(run.begun())))


def test_a_journal_is_never_overwritten_without_a_word(case):
    run = Resumption(case, case.text(64 << 10), *SMALL, script=HELD_UPPER)
    remains = run.begin_and_kill(HELD)
    words = [word for word in run.words() if word != "--resume"]
    refused(case, words, 2, r"^fanfold-sink: .*output\.fanfold.*--resume", remains)
    sink = [*case.endpoints(), "-o", run.output]
    refused(case, sink, 2, r"^fanfold-sink: .*output\.fanfold.*--resume", remains, program="fanfold-sink")
    run.complete()


def test_a_journal_with_any_byte_wrong_is_refused(case):
    """Every byte changed once, every length: an error, and never a crash."""
    run = Resumption(case, case.text(64 << 10), *SMALL, script=HELD_UPPER)
    remains = run.begin_and_kill(HELD)
    journal = remains.bytes[1]
    chance = random.Random(1)
    wrong = [journal[:size] for size in range(len(journal))] + [journal + b"x", journal * 20]
    for at, byte in enumerate(journal):
        wrong.append(journal[:at] + bytes([byte ^ 1 << chance.randrange(8)]) + journal[at + 1 :])
    if not FULL:
        wrong = chance.sample(wrong, 50)
    for data in wrong:
        journal_path(run.output).write_bytes(data)
        words = [*case.endpoints(), "--resume", "-o", run.output]
        refused(case, words, 4, r"^fanfold-sink: .*output\.fanfold", Remains(run.output), program="fanfold-sink")
    remains.restore()
    run.complete()


def test_resume_is_for_what_has_a_journal(case):
    os.mkfifo(case.path("fifo"))
    _, terminal = pty.openpty()
    outputs = [[], ["-o", "-"], ["-o", case.path("fifo")], ["-o", os.ttyname(terminal)], ["-o", "/dev/null"]]
    for output in [*outputs, ["-o", "file", "--unordered"]]:
        refused(case, ["--resume", *output, "--", "cat"], 2, "^fanfold.*: .*--resume")
        words = [*case.endpoints(), "--resume", *output]
        refused(case, words, 2, "^fanfold-sink: .*--resume", program="fanfold-sink")
    assert not case.path("file").exists()


def test_a_run_that_had_finished_is_only_cleared_away(case):
    """Killed when the journal said so and nobody had been told."""
    run = Resumption(case, case.text(64 << 10), *SMALL, "--log-level", "trace", script=HELD_UPPER)
    run.gate.shut()
    run.start(env={"HELD": "15"})
    case.wait_for(lambda: 15 in run.begun(), "the last task to have begun")
    case.wait_for(lambda: position_of(run.output) == 15, "the others to be committed")
    (ventilator,) = case.pids_of("fanfold-ventilator")
    os.kill(ventilator, signal.SIGSTOP)
    run.gate.open()
    case.wait_for(lambda: (journal := read_journal(run.output)) and journal.finished, "the journal to say so")
    kill_everything(case)
    case.assert_same(run.output, make_upper(case, run.text))
    other = case.text(64 << 10, seed=2)
    words = run.words("--log-level", "warn", text=other)
    refused(case, words, 4, "^fanfold-sink: the output is complete", Remains(run.output))
    run.complete()
    assert not run.begun(), "something was run again"


# ---- signals ----


def test_an_interrupt_finishes_what_runs_and_nothing_is_done_twice(case):
    for number, to_group in [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False)]:
        run = Resumption(case, case.text(256 << 10), *SMALL, script=HELD_UPPER, name=f"output-{number}-{to_group}")
        run.gate.shut()
        process = run.start(env={"HELD": str(HELD)})
        case.wait_for(lambda run=run: len(set(run.begun())) == HELD + 2, "two tasks to run")
        (process.signal_group if to_group else process.signal)(number)
        process.wait_for_stderr("^fanfold: (interrupted|terminated)")
        run.gate.open()
        process.expect(128 + number)
        # What the worker had been given beyond its slots is short work, and is done as well.
        done = sorted(run.ended())
        assert done == sorted(run.begun()) == list(range(len(done))) and len(done) < 64, done
        assert "--resume" in process.stderr(), process.stderr()
        case.assert_no_leftovers()
        journal = read_journal(run.output)
        assert journal.next == len(done) and journal.offset == size_of(run.output), journal
        run.complete()
        begun = sorted(run.begun(0) + run.begun(1))
        assert begun == list(range(len(begun))), f"begun: {begun}"


def test_a_second_interrupt_ends_at_once(case):
    run = Resumption(case, case.text(64 << 10), *SMALL, script=HELD_UPPER)
    run.gate.shut()
    process = run.start(env={"HELD": str(HELD)})
    case.wait_for(lambda: len(set(run.begun())) == HELD + 2, "two tasks to run")
    process.signal(signal.SIGINT)
    process.wait_for_stderr("^fanfold: interrupted")
    began = time.monotonic()
    process.signal(signal.SIGINT)
    process.expect(130, 8)
    print(f"ended {time.monotonic() - began:.2f} s after the second")
    assert "--resume" in process.stderr(), process.stderr()
    assert read_journal(run.output).next == HELD
    run.gate.open()
    run.complete()
