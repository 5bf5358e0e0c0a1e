# SPDX-License-Identifier: MIT
"""A run that is resumed by another command says so, and what it says at its end is of the whole."""

import re

LINES = b"".join(b"%d\n" % number for number in range(1, 20001))
FAILS = '[ "$FANFOLD_SEQ" != 7 ] || [ -e mended ] || exit 3; '
OTHER = r"^fanfold-sink: warning: the run that out\.fanfold is of had another command or mode: what is written so far is from that one$"


def stopped(case, *words):
    case.path("mended").unlink(missing_ok=True)
    run = case.run("fanfold", "--retries", "1", "-j1", "-N1000", "-i", "input", "-o", "out", *words)
    run.expect(3)
    assert case.path("out.fanfold").exists()
    case.file("mended", b"")


def resumed(case, *words):
    run = case.run("fanfold", "--resume", "-N1000", "-i", "input", "-o", "out", *words)
    run.expect(0)
    return run.stderr()


def test_another_command_or_mode_than_the_first_run_s_is_warned_of(case):
    case.file("input", LINES)
    cat = ["--", "sh", "-c", FAILS + "cat"]
    for words, warned in (
        (cat, False),
        (["-j3", "--mode", "exec", "--retries", "7", "--on-error", "skip", *cat], False),
        (["--", "sh", "-c", FAILS + "exec cat"], True),
        (["--", "cat"], True),
        (["--mode", "lines", "--", "cat"], True),
        (["--shell", "cat"], True),
    ):
        stopped(case, *cat)
        said = resumed(case, *words)
        assert bool(re.search(OTHER, said, re.M)) == warned, (words, said)
        assert case.path("out").read_bytes() == LINES


def test_the_command_of_the_last_run_is_the_one_that_counts(case):
    case.file("input", LINES)
    stopped(case, "--", "sh", "-c", FAILS + "cat")
    case.path("mended").unlink()
    again = case.run(
        "fanfold", "--resume", "--retries", "1", "-N1000", "-i", "input", "-o", "out", "--", "sh", "-c", "[ $FANFOLD_SEQ != 15 ] || exit 4; cat"
    )
    again.expect(3)
    assert re.search(OTHER, again.stderr(), re.M), again.stderr()
    assert re.search(OTHER, resumed(case, "--", "cat"), re.M)


def test_the_last_line_of_a_run_that_resumed_does_not_look_as_if_a_part_was_missing(case):
    case.file("input", LINES)
    words = ["--", "sh", "-c", FAILS + "cat"]
    stopped(case, *words)
    said = resumed(case, *words)
    line = r"^fanfold-ventilator: [\d.]+ KiB \(and [\d.]+ KiB done before\) in [\d.]+ s \(.*/s\), 20 chunks \(\d+ of them done before\), 0 retries$"
    assert re.search(line, said, re.M), said


def test_the_line_that_runs_dead_letters_again_says_the_way_out_when_it_is_pasted_twice(case):
    case.file("input", LINES)
    words = ["--on-error", "skip", "--retries", "1", "-N1000", "-i", "input"]
    for output in (["-o", "out"], []):
        run = case.run("fanfold", *words, *output, "--", "sh", "-c", "exit 3")
        run.expect(1)
        line = re.search(r"the command of this run: (fanfold .*)$", run.stderr(), re.M)[1]
        case.shell(line).expect(1)
        for _ in range(3):  # each has its own
            again = case.shell(line)
            again.expect(2)
            remedy = re.search(r"move them away, or give (--dead-letters \S+) as well$", again.stderr(), re.M)
            assert remedy, again.stderr()
            case.shell(line.replace(" -- ", f" {remedy[1]} -- ", 1)).expect(1)
        case.shell("rm -r *dead-letters* out").expect(0) if output else None
