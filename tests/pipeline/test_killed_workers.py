# SPDX-License-Identifier: MIT
"""A worker that is killed is started again, until it is given up."""

import contextlib
import os
import signal
from pathlib import Path

from endings import LINES, expect


def parent_of(pid):
    """0 where it has gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def kill_worker(case, run):
    """Kills the worker that fanfold has started. Its supervisor is a fork of it, and becomes a
    child of fanfold when it has lost its worker; it is soon gone."""

    def workers():
        return [pid for pid in case.pids_of("fanfold-worker") if parent_of(pid) == run.pid]

    case.wait_for(lambda: len(workers()) == 1, "one worker to be there")
    os.kill(workers()[0], signal.SIGKILL)


def test_a_worker_that_is_killed_is_started_again(case):
    gate = case.gate("go")
    script = ': > began; : <go; cat'
    words = ["-j2", "-N100", "--liveness", "1", "--", "sh", "-c", script]
    run = case.start("fanfold", *words, stdin=LINES)
    case.wait_for(case.path("began").exists, "a chunk to begin")
    kill_worker(case, run)
    gate.open()
    again = r"^fanfold: fanfold-worker was killed by signal 9 \(Killed\); starting it again$"
    expect(case, run, 0, again, r"^fanfold-ventilator: .* 30 chunks, [1-9] retr")
    assert run.output() == LINES


def test_a_worker_that_is_killed_with_its_supervisor_leaves_no_program_behind(case):
    """The sleeps of the first attempts are gone while those of the second go on."""
    gate = case.gate("go")
    script = 'echo $$ >> began; [ "$FANFOLD_ATTEMPT" = 1 ] || : <go; exec sleep 1000'
    script = script.replace("exec sleep", '[ "$FANFOLD_ATTEMPT" = 1 ] && exec sleep') + "; cat"
    words = ["-j2", "-N1500", "--liveness", "1", "--quiet", "--", "sh", "-c", script]
    run = case.start("fanfold", *words, stdin=LINES)
    case.wait_for(lambda: len(case.pids_of("sleep")) == 2, "two chunks to be begun")
    first = case.pids_of("sleep")
    for pid in case.pids_of("fanfold-worker"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    case.wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in first), "the first programs to end")
    assert run.running()
    gate.open()
    again = r"^fanfold: fanfold-worker was killed by signal 9 \(Killed\); starting it again$"
    expect(case, run, 0, again)
    assert run.output() == LINES


def test_a_worker_that_is_killed_again_and_again_is_given_up(case):
    script = ': > "began-$FANFOLD_WORKER"; sleep 1000'
    words = ["-j1", "-N100", "--liveness", "1", "--", "sh", "-c", script]
    run = case.start("fanfold", *words, stdin=LINES)
    for count in range(1, 5):
        case.wait_for(lambda: len(list(case.directory.glob("began-*"))) == count, f"worker {count}")
        kill_worker(case, run)
    killed = r"^fanfold: fanfold-worker was killed by signal 9 \(Killed\)"
    expect(case, run, 137, *[killed + "; starting it again$"] * 3, killed + ".*; giving up$")
