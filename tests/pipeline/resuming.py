# SPDX-License-Identifier: MIT
"""For tests of what a run that was cut short leaves behind, and how it goes on."""

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

import msgpack
from harness import blocks_of

# Says which tasks it began, and which it finished.
NOTING_UPPER = """
echo "begin $FANFOLD_SEQ" >>"$NOTES"
tr a-z A-Z
echo "end $FANFOLD_SEQ" >>"$NOTES"
"""

# The same, but tasks from $HELD on stop at $GATE.
HELD_UPPER = """
echo "begin $FANFOLD_SEQ" >>"$NOTES"
[ "$FANFOLD_SEQ" -lt "$HELD" ] || : <"$GATE"
tr a-z A-Z
echo "end $FANFOLD_SEQ" >>"$NOTES"
"""


class Journal(NamedTuple):
    """What FILE.fanfold says; a mark's own parts are the ventilator's affair."""

    magic: str
    version: int
    run: bytes
    uid: bytes
    epoch: int
    next: int
    mark: bytes
    input: bytes
    offset: int
    tail: int
    dead_letters: int
    failed: int
    letters_name: int
    finished: bool
    command: int = 0


def journal_path(output):
    return Path(f"{output}.fanfold")


def parse_journal(data):
    return Journal(*msgpack.unpackb(data[:-8]))


def read_journal(output):
    """None: there is none."""
    try:
        return parse_journal(journal_path(output).read_bytes())
    except FileNotFoundError:
        return None


def position_of(output):
    """The seq that the journal goes on from; 0 without one."""
    journal = read_journal(output)
    return journal.next if journal else 0


def size_of(path):
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0


def seqs_of(notes, word):
    """The seqs that were noted with this word, as often as they were."""
    text = notes.read_text() if notes.exists() else ""
    return [int(line.split()[1]) for line in text.splitlines() if line.startswith(word)]


def kill_everything(case, chance=None):
    """SIGKILL to each process of the case, whatever it is, until none is left."""

    def gone():
        pids = list(case.reap())
        if chance:
            chance.shuffle(pids)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

    case.wait_for(gone, "the killed to be gone")


def make_upper(case, text, name="expected"):
    """What `tr a-z A-Z` makes of the file."""
    path = case.path(name)
    with open(path, "wb") as file:
        for block in blocks_of(text):
            file.write(block.upper())
    return path


class Remains:
    """The bytes of an output and of its journal, which a refusal must not change."""

    def __init__(self, output):
        self.output = Path(output)
        self.bytes = self.read()

    def read(self):
        paths = (self.output, journal_path(self.output))
        return [path.read_bytes() if path.exists() else None for path in paths]

    def restore(self):
        for path, data in zip((self.output, journal_path(self.output)), self.bytes):
            if data is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(data)

    def assert_untouched(self, journal_too):
        """Where a ventilator came to look at the input, the journal has its name and an epoch
        for it, which the next one does without; and all else as before."""
        (output, journal), (output_was, journal_was) = self.read(), self.bytes
        assert output == output_was, "the output was changed"
        if journal != journal_was and not journal_too:
            journal, journal_was = parse_journal(journal), parse_journal(journal_was)
            assert journal.epoch > journal_was.epoch, (journal, journal_was)
            journal = journal._replace(epoch=journal_was.epoch, uid=journal_was.uid)
        assert journal == journal_was, "the journal was changed"
        fresh = Path(f"{self.output}.fanfold.tmp")
        assert not fresh.exists(), f"{fresh} is left behind"


def refused(case, words, status, pattern, remains=None, program="fanfold", **more):
    """It ends with this status and one line of its own making, and touches nothing."""
    run = case.run(program, *words, **more)
    assert run.status == status, f"{run.name} ended with status {run.status}, not {status}"
    lines = [line for line in run.stderr().splitlines() if not re.search("^Try |: hint: ", line)]
    assert len(lines) == 1, f"{len(lines)} lines"
    assert re.search(pattern, lines[0]), f"{lines[0]!r} is not {pattern!r}"
    case.assert_no_leftovers()
    if remains:
        remains.assert_untouched("ventilator" not in pattern)
    return lines[0]


class Resumption:
    """One run over a text that is started, cut short and gone on with, any number of times."""

    def __init__(self, case, text, *options, script=NOTING_UPPER, fed=False, name="output"):
        self.case = case
        self.text = text
        self.options = list(options)
        self.script = script
        self.fed = fed  # through a pipe, from its start each time
        self.output = case.path(name)
        self.gate = case.gate(f"{self.output.name}-gate")
        self.gate.open()
        self.legs = []  # (process, its notes)

    def start(self, *options, env=None, text=None):
        """Another leg of it."""
        notes = self.case.path(f"{self.output.name}-notes-{len(self.legs)}")
        env = {"NOTES": str(notes), "GATE": str(self.gate), "HELD": "0", **(env or {})}
        words = [*self.options, *options, "-o", self.output]
        text = text or self.text
        if self.fed:
            feeder = self.case.start("cat", text, stdout=subprocess.PIPE)
            words += ["--", "sh", "-c", self.script]
            process = self.case.start("fanfold", *words, stdin=feeder.popen.stdout, env=env)
            feeder.popen.stdout.close()
        else:
            words += ["-i", text, "--", "sh", "-c", self.script]
            process = self.case.start("fanfold", *words, env=env)
        self.legs.append((process, notes))
        return process

    def begun(self, leg=-1):
        return seqs_of(self.legs[leg][1], "begin")

    def ended(self, leg=-1):
        return seqs_of(self.legs[leg][1], "end")

    def begin_and_kill(self, tasks):
        """A first leg, of which so many tasks are committed when all of it is killed.

        Bytes that were written and not committed lie behind in the output.
        """
        self.gate.shut()
        self.start("-j2", env={"HELD": str(tasks)})
        self.case.wait_for(lambda: position_of(self.output) == tasks, f"{tasks} tasks to be committed")
        kill_everything(self.case)
        self.gate.open()
        journal = read_journal(self.output)
        assert size_of(self.output) == journal.offset, (size_of(self.output), journal)
        with open(self.output, "ab") as file:
            file.write(b"written, but not committed\n")
        return Remains(self.output)

    def words(self, *options, text=None):
        """Of a command line that would go on with it."""
        return [*self.options, *options, "--resume", "-o", self.output, "-i", text or self.text, "--", "tr", "a-z", "A-Z"]

    def complete(self, *options, expected=None, text=None):
        """It goes on to its end, with nothing done again that was committed."""
        before = position_of(self.output)
        process = self.start("--resume", *options, text=text)
        process.expect(0)
        assert all(seq >= before for seq in self.begun()), f"task {min(self.begun())} was done again, {before} is next"
        self.case.assert_same(self.output, expected or make_upper(self.case, self.text))
        assert not journal_path(self.output).exists(), "the journal is still there"
        return process
