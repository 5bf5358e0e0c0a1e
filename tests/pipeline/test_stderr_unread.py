# SPDX-License-Identifier: MIT
"""A standard error that is held open by somebody who does not read it stops no run."""

import re
import signal

from unread import left_out, numbers, start

LINES = 800_000  # of about 20 bytes: more than the worker keeps
INPUT = b"one\ntwo\n"


def test_a_reader_that_never_reads(case):
    run, pipe = start(case, "-j2", "-N1", "--", "sh", "-c", f"seq {LINES} >&2; cat", stdin=INPUT)
    run.expect(0)
    assert run.output() == INPUT
    # What a pipe can have is there for whoever comes after the end, and what is missing is said.
    text = pipe.read_to_the_end(run)
    assert sum(map(len, numbers(text).values())) + left_out(text) == 2 * LINES
    assert re.search("^fanfold-worker: left out the last", text, re.M)
    pipe.close()


def test_a_reader_that_reads_late(case):
    gate = case.gate()
    script = f"seq {LINES} >&2; touch printed.$FANFOLD_SLOT; : < {gate}; seq 3 >&2; cat"
    run, pipe = start(case, "-j2", "-N1", "--", "sh", "-c", script, stdin=INPUT)
    for slot in 1, 2:
        case.wait_for(case.path(f"printed.{slot}").exists, "all to be printed")
    assert len(case.pids_of("fanfold-worker")) > 0
    case.wait_for(lambda: b"left out" in pipe.read(), "the worker to say what it left out")
    gate.open()
    text = pipe.read_to_the_end(run)
    run.expect(0)
    assert run.output() == INPUT
    assert sum(map(len, numbers(text).values())) + left_out(text) == 2 * (LINES + 3)
    assert re.search(r"^fanfold-worker: left out \d+ lines of slot [12], because nobody read standard error$", text, re.M)
    for printed in numbers(text).values():
        assert printed[-3:] == [1, 2, 3], "nothing is left out where somebody reads"
    pipe.close()


def test_a_run_that_is_told_twice_does_not_wait(case):
    run, pipe = start(case, "-j2", "-N1", "--", "sh", "-c", f"seq {100_000} >&2; cat", stdin=b"x\n" * 500)
    while b"seq 3]" not in pipe.read():
        case.wait_for(lambda: len(pipe.text) < len(pipe.read()), "more lines")
    pipe.wait_full()
    run.signal(signal.SIGTERM)
    run.signal(signal.SIGINT)
    # Both may come at the same time, and each program waits half a second for its own words to be read.
    assert run.wait(4) in (130, 143)
    pipe.read_to_the_end(run)
    pipe.close()
