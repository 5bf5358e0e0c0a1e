# SPDX-License-Identifier: MIT
"""Signals to a run, to one of its programs, and from a terminal."""

import fcntl
import os
import signal
import subprocess
import termios

from endings import LINES, ends, expect

SLEEP = ["sh", "-c", "sleep 1000 | cat"]


def start_sleep(case):
    """A run that would last, once it is in the middle of it."""
    run = case.start("fanfold", "-j2", "-N1", "--", *SLEEP, stdin=LINES)
    case.wait_for(lambda: len(case.pids_of("sleep")) == 2, "two chunks to be begun")
    return run


def take_terminal(terminal):
    """Makes it the controlling one of this session, whose leader is about to be fanfold."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def test_an_interrupt_from_the_terminal(case):
    run = start_sleep(case)
    run.signal_group(signal.SIGINT)
    expect(case, run, 130, "^fanfold: interrupted$")


def test_an_interrupt_typed_at_a_terminal(case):
    ours, theirs = os.openpty()
    words = ["-j2", "-N1", "--", *SLEEP]
    run = case.start("fanfold", *words, stdin=LINES, preexec_fn=lambda: take_terminal(theirs))
    os.close(theirs)
    case.wait_for(lambda: len(case.pids_of("sleep")) == 2, "two chunks to be begun")
    os.write(ours, b"\x03")
    expect(case, run, 130, "^fanfold: interrupted$")
    os.close(ours)


def test_an_interrupt_lets_what_runs_be_finished(case):
    """And the same command goes on."""
    case.file("in", LINES)
    gate = case.gate("go")
    script = '[ "$FANFOLD_SEQ" -lt 4 ] || { : > began; : <go; }; cat'
    words = ["-j2", "-N100", "-i", "in", "-o", "out", "--", "sh", "-c", script]
    run = case.start("fanfold", *words)
    case.wait_for(case.path("began").exists, "a chunk to begin")
    run.signal_group(signal.SIGINT)
    said = r"^fanfold: interrupted: it finishes the running tasks; a second signal stops it$"
    run.wait_for_stderr(said)
    gate.open()
    expect(case, run, 130, said, r"^fanfold-sink: out is whole up to chunk \d+ .*: repeat the command with --resume to continue$")
    done = case.path("out").read_bytes()
    assert len(done) > len(LINES) * 4 // 30 and LINES.startswith(done), len(done)
    ends(case, ["--resume", *words], 0, r"resuming: \d+ chunks", r"^fanfold-ventilator: .* chunks", stdin=None)
    assert case.path("out").read_bytes() == LINES
    assert not case.path("out.fanfold").exists()


def test_an_interrupt_while_the_input_waits(case):
    run = case.start("fanfold", "--", "cat", stdin=subprocess.PIPE)
    case.wait_for(lambda: case.pids_of("fanfold-worker"), "a worker")
    run.signal_group(signal.SIGINT)
    expect(case, run, 130, "^fanfold: interrupted$")


def test_sigterm(case):
    run = start_sleep(case)
    run.signal(signal.SIGTERM)
    expect(case, run, 143, "^fanfold: terminated$")


def test_sigterm_to_all_of_the_group(case):
    run = start_sleep(case)
    run.signal_group(signal.SIGTERM)
    expect(case, run, 143, "^fanfold: terminated$")


def test_sigterm_to_the_sink_alone(case):
    run = start_sleep(case)
    (pid,) = case.pids_of("fanfold-sink")
    os.kill(pid, signal.SIGTERM)
    expect(case, run, 143, "^fanfold: fanfold-sink was terminated$")


def test_sigterm_to_the_ventilator_alone_lets_what_runs_be_finished(case):
    gate = case.gate("go")
    script = ": > began; : <go; cat"
    run = case.start("fanfold", "-j2", "-N1", "--", "sh", "-c", script, stdin=LINES)
    case.wait_for(case.path("began").exists, "a chunk to begin")
    (pid,) = case.pids_of("fanfold-ventilator")
    os.kill(pid, signal.SIGTERM)
    gate.open()
    expect(case, run, 143, "^fanfold: fanfold-ventilator was terminated$")
    assert run.output() and LINES.startswith(run.output())


def test_sigkill(case):
    """Only the shell can say so."""
    run = start_sleep(case)
    run.signal(signal.SIGKILL)
    expect(case, run, 137)


def test_a_ventilator_whose_sink_was_killed_under_a_live_input_ends_by_itself(case):
    run = case.start("fanfold", "-j1", "-N", 1, "--", "cat", stdin=subprocess.PIPE)
    run.stdin.write(b"one\n")
    run.stdin.flush()
    case.wait_for(run.output, "the first result")
    os.kill(case.pids_of("fanfold-sink")[0], signal.SIGKILL)
    run.expect(137)
    run.stdin.close()
    assert "fanfold-sink was killed by signal 9" in run.stderr()
    assert "does not end" not in run.stderr(), run.stderr()
