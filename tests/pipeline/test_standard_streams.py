# SPDX-License-Identifier: MIT
"""Standard input, output and error that were closed, are a terminal, or have no reader any more."""

import os
import signal

from endings import LINES, ends, expect


def test_a_reader_that_has_gone(case):
    reading, writing = os.pipe()
    os.close(reading)
    ends(case, ["-N10", "--", "cat"], 141, stdout=writing)
    os.close(writing)


def test_a_reader_that_has_seen_enough(case):
    """The input has no end."""
    for words in ("-N3", "--block 64K", "--unordered"):
        run = case.shell(f"yes | fanfold {words} -- cat | head -3; exit ${{PIPESTATUS[1]}}")
        expect(case, run, 141)
        assert run.output() == b"y\n" * 3


def test_a_standard_output_that_was_closed(case):
    run = case.shell("exec fanfold -N10 -- cat >&-", stdin=LINES)
    expect(case, run, 4, "^fanfold-sink: cannot write .*: Bad file descriptor$")
    processes = [
        case.start("bash", "-c", "exec fanfold-sink --quiet >&-"),
        case.start("fanfold-worker", "--quiet", "cat"),
        case.start("fanfold-ventilator", "--quiet", stdin=LINES),
    ]
    for process, status in zip(processes, (4, 0, 4)):
        process.expect(status)
        (line,) = process.stderr().splitlines()
        assert "cannot write standard output: Bad file descriptor" in line, line


def test_a_standard_input_that_was_closed(case):
    run = case.shell("exec fanfold -- cat <&-")
    expect(case, run, 4, "^fanfold-ventilator: cannot read .*: Bad file descriptor$")


def test_a_standard_error_that_was_closed(case):
    run = case.shell("exec fanfold -N10 -- sh -c 'echo lost >&2; cat' 2>&-", stdin=LINES)
    expect(case, run, 0)
    assert run.output() == LINES


def test_a_terminal_that_is_the_input(case):
    ours, theirs = os.openpty()
    run = case.start("fanfold", "--quiet", "--", "cat", stdin=theirs)
    loud = case.start("fanfold", "--", "cat", stdin=theirs)
    os.close(theirs)
    loud.wait_for_stderr("^fanfold-ventilator: reading from the terminal; end with Ctrl-D$")
    loud.signal(signal.SIGTERM)
    loud.expect(143)
    os.write(ours, b"typed\nby hand\n\x04")
    expect(case, run, 0)
    assert run.output() == b"typed\nby hand\n"
    os.close(ours)
