# SPDX-License-Identifier: MIT
"""What would stand still without a word: stopped programs, and processes that keep a program's output open."""

import fcntl
import os
import signal
import termios

import pytest

FRAMES = b"""
import os, signal, sys
def ask():
    with open("/dev/tty") as terminal:
        terminal.readline()
if sys.argv[1] == "prepare":
    ask()
import fanfold
def work(chunk, state):
    ask()
    return chunk
fanfold.serve(work)
"""


@pytest.fixture(name="terminal")
def _terminal():
    ours, theirs = os.openpty()
    yield theirs
    os.close(ours)
    os.close(theirs)


def run_at(case, terminal, *words, stdin=b"a\n"):
    """fanfold leads the session that has this terminal."""
    words = ["--quiet", "--retries", "2", "-j1", *words]
    take = lambda: fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    return case.run("fanfold", *words, stdin=stdin, preexec_fn=take)


# ---- the terminal ----


@pytest.mark.parametrize(
    "words, signal_name",
    [
        (["--", "sh", "-c", "read x </dev/tty; cat"], "SIGTTIN"),
        (["--", "sh", "-c", "(read x </dev/tty; cat) | cat"], "SIGTTIN"),
        (["--", "sh", "-c", "stty -echo </dev/tty; cat"], "SIGTTOU"),
        (["--mode", "lines", "--", "sh", "-c", "while read l; do read x </dev/tty; echo $l; done"], "SIGTTIN"),
        (["--mode", "frames", "--", "/usr/bin/python3", "ask.py", "work"], "SIGTTIN"),
        (["--mode", "frames", "--prepare-each", "--", "/usr/bin/python3", "ask.py", "work"], "SIGTTIN"),
    ],
)
def test_a_program_that_asks_at_the_terminal_has_failed(case, terminal, words, signal_name):
    case.file("ask.py", FRAMES)
    run = run_at(case, terminal, *words)
    assert run.status == 3, run.stderr()
    said = f"terminal[^\n]* \\({signal_name}\\): fanfold's programs have none; give it what it asks for by a file"
    run.wait_for_stderr(rf"failed for good after 1 attempt: ended by signal \d+ [^\n]*: \"the program wanted to [^\n]*{said}")
    case.assert_no_leftovers()


def test_a_program_that_asks_at_the_terminal_while_it_prepares_is_refused(case, terminal):
    case.file("ask.py", FRAMES)
    run = run_at(case, terminal, "--mode", "frames", "--", "/usr/bin/python3", "ask.py", "prepare")
    assert run.status == 126, run.stderr()
    run.wait_for_stderr(r"python3: while it prepared, the program wanted to read from the terminal \(SIGTTIN\)")
    case.assert_no_leftovers()


# ---- an output that somebody else has open ----


def test_what_a_program_leaves_may_write_to_its_output(case):
    script = 'cat; (: <"$GATE"; echo "$FANFOLD_SEQ") &'
    gate = case.gate()
    run = case.start("fanfold", "--quiet", "-j2", "-N1", "--", "sh", "-c", script, stdin=b"a\nb\n", env={"GATE": str(gate)})
    case.wait_for(lambda: len(case.pids_of("sh")) == 2, "two programs")
    gate.open()
    run.expect(0)
    assert run.output() == b"a\n0\nb\n1\n" and run.stderr() == "", run.stderr()


def test_the_time_limit_counts_while_somebody_has_the_output_open(case):
    script = "cat; sleep 1000 &"
    run = case.run("fanfold", "--quiet", "-j1", "--retries", "1", "--timeout", "0.5", "--", "sh", "-c", script, stdin=b"a\n")
    assert run.status == 3 and "ran longer than" in run.stderr(), run.stderr()
    case.assert_no_leftovers()


# ---- stopped by somebody else ----


@pytest.mark.parametrize(
    "script, said",
    [
        ("kill -STOP $$; cat", r"slot 1's program \(pid (\d+)\) was stopped by SIGSTOP"),
        ("kill -TSTP $$; cat", r"slot 1's program \(pid (\d+)\) was stopped by SIGTSTP"),
        ('sh -c "kill -STOP \\$\\$" & wait; cat', r"slot 1's process \"sh\" \(pid (\d+)\) is stopped"),
    ],
)
def test_a_program_that_is_stopped_is_said_once_and_waited_for(case, script, said):
    run = case.start("fanfold", "--quiet", "-j1", "--", "sh", "-c", script, stdin=b"a\n")
    match = run.wait_for_stderr(rf"^fanfold-worker: {said}; waiting until it is continued \(kill -CONT \1\)$")
    os.kill(int(match[1]), signal.SIGCONT)
    run.expect(0)
    assert run.output() == b"a\n" and len(run.stderr().splitlines()) == 1, run.stderr()


def test_the_time_limit_of_a_stopped_program_goes_on(case):
    run = case.run("fanfold", "--quiet", "-j1", "--retries", "1", "--timeout", "0.5", "--", "sh", "-c", "kill -STOP $$", stdin=b"a\n")
    assert run.status == 3 and "ran longer than" in run.stderr(), run.stderr()
    case.assert_no_leftovers()
