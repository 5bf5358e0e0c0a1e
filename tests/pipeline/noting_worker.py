# SPDX-License-Identifier: MIT
"""For tests that break a run while it goes on: workers that keep notes, input without end."""

import re
import threading

from harness import program_path


class NotingWorker:
    """fanfold-worker over a script that appends `begin SEQ ATTEMPT` and `end SEQ ATTEMPT` to $NOTES.

    While there is the file `hold` ($HOLD), a script may do nothing but append `held SEQ ATTEMPT`.
    """

    def __init__(self, case, number, options, script, wrap=()):
        self.notes = case.path(f"notes-{number}")
        self.hold = case.path(f"hold-{number}")
        words = [*wrap, program_path("fanfold-worker"), *options, "-j2", "--", "sh", "-c", script]
        env = {"NOTES": str(self.notes), "HOLD": str(self.hold)}
        self.process = case.start(*words, env=env)

    def noted(self, word):
        """{(seq, attempt)} of the notes that begin with the word."""
        text = self.notes.read_text() if self.notes.exists() else ""
        lines = [line.split() for line in text.splitlines() if line.startswith(word)]
        return {(int(line[1]), int(line[2])) for line in lines}

    def unended(self):
        return self.noted("begin") - self.noted("end")


def counts_of(process):
    """The counts of the event that ends the program's log."""
    line = process.wait_for_stderr(r"info end (.*)")[1]
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}


class Feed:
    """Writes lines to a program, and to a file, until it is told to end."""

    def __init__(self, case, process, block, seed=1):
        self.process = process
        self.block = block
        self.lines = case.text(4 << 20, seed=seed).read_bytes()
        self.sent = case.path("input")
        self.enough = threading.Event()
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.thread.start()

    def write(self):
        with open(self.sent, "wb") as copy, self.process.stdin as pipe:
            at = 0
            while not self.enough.is_set():
                end = self.lines.index(b"\n", min(at + self.block, len(self.lines) - 1)) + 1
                piece, at = self.lines[at:end], end % len(self.lines)
                copy.write(piece)
                pipe.write(piece)
                pipe.flush()

    def end(self):
        """No more; returns the file of all that there was."""
        self.enough.set()
        self.thread.join()
        return self.sent
