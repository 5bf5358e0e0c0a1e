# SPDX-License-Identifier: MIT
"""What a run says of the input that it goes on without: the reason, once, and how much it was."""

import json
import re

LINES = b"".join(b"%d\n" % number for number in range(1, 20001))


def said(run, pattern):
    """The lines of ours that match."""
    return [line for line in run.stderr().splitlines() if re.search(pattern, line)]


def test_a_command_that_fails_for_every_record_ends_soon_and_says_it_once(case):
    """A misspelt option: nobody needs thousands of runs to see it."""
    words = ["-j1", "--on-error", "isolate", "--block", "10K", "-o", "out", "--", "sh", "-c", "echo >>runs; echo oh no >&2; exit 3"]
    run = case.run("fanfold", *words, stdin=LINES)
    run.expect(1)
    chunks = len(list(case.path("out.dead-letters").glob("*.json")))
    assert 10 < chunks < 15, chunks
    runs = case.path("runs").read_bytes().count(b"\n")
    assert runs < 150, runs  # two chunks may be searched at a time
    assert len(said(run, r"^(\[slot \d+ seq \d+\] )?oh no$")) <= 4 + chunks, run.stderr()
    assert len(said(run, r"^fanfold-ventilator: chunk \d+ \(.*\) failed for good .*: exit status 3; it said: \"oh no\"$")) == 1, run.stderr()
    assert len(said(run, r"^fanfold-ventilator: the command has failed for every record so far: look at it first\.")) == 1, run.stderr()
    assert said(run, rf"^fanfold-sink: {chunks} dead letters \({chunks} whole chunks\) in out\.dead-letters; "), run.stderr()
    letter = json.loads(case.path("out.dead-letters/000001.json").read_text())
    assert letter["how"] == "exit status 3" and letter["stderr"] == "oh no\n" and letter["first_record"] == 1, letter
    assert case.path("out").read_bytes() == b""


def test_a_program_that_knows_no_first_lines_loses_only_these(case):
    """Many bad records in front are no sign that all are bad."""
    words = ["--on-error", "isolate", "--retries", "1", "-o", "out", "--", "awk", "$1 <= 20 { exit 3 } { print }"]
    run = case.run("fanfold", *words, stdin=LINES)
    run.expect(1)
    assert case.path("out").read_bytes() == b"".join(LINES.splitlines(True)[20:])
    assert said(run, r"^fanfold-sink: 20 dead letters \(20 records\) in out\.dead-letters; "), run.stderr()
    assert not said(run, "every record"), run.stderr()


def test_what_a_search_for_bad_records_finds_is_said_once(case):
    script = 'while read n; do case $n in 777|17777) echo "bad $n" >&2; exit 3;; esac; echo $n; done'
    words = ["-j1", "--on-error", "isolate", "--retries", "2", "--block", "1M", "-o", "out", "--", "sh", "-c", script]
    run = case.run("fanfold", *words, stdin=LINES)
    run.expect(1)
    assert len(said(run, r"bad 777$")) == 2, run.stderr()  # of the first attempt, and of the search
    assert len(said(run, r"bad 17777$")) == 1, run.stderr()
    assert len(said(run, r"^fanfold-sink: left out record 777 \(chunk 0, byte 2996\): exit status 3; it said: \"bad 777\"; ")) == 1
    assert len(said(run, r"^fanfold-sink: left out record")) == 1, run.stderr()


def test_a_chunk_with_too_many_bad_records_says_so_and_what_would_lose_less(case):
    words = ["-j1", "--on-error", "isolate", "--retries", "1", "--block", "1M", "-o", "out", "--", "awk", "/[02468]$/ { exit 4 } { print }"]
    run = case.run("fanfold", *words, stdin=LINES)
    run.expect(1)
    reason = r'^fanfold-ventilator: chunk 0 \(.*records 1-20000\) failed for good after 1 attempt: more than 2048 of its records are bad: '
    assert said(run, reason + r'"the first is record 2 \(exit status 4\)"$'), run.stderr()
    assert said(run, r"^fanfold-ventilator: .* use a smaller --block, or -N"), run.stderr()
    letter = json.loads(case.path("out.dead-letters/000001.json").read_text())
    assert letter["how"] == "more than 2048 of its records are bad", letter


def test_the_first_chunk_that_is_skipped_has_its_reason(case):
    script = '[ $FANFOLD_SEQ = 3 ] || [ $FANFOLD_SEQ = 5 ] || exec cat; echo "no good" >&2; exit 7'
    words = ["-j1", "--on-error", "skip", "--retries", "1", "-N1000", "-o", "out", "--", "sh", "-c", script]
    run = case.run("fanfold", *words, stdin=LINES)
    run.expect(1)
    reasons = said(run, r"^fanfold-ventilator: chunk \d+ .* failed for good after 1 attempt: exit status 7; it said: \"no good\"$")
    assert len(reasons) == 1 and "chunk 3 (" in reasons[0], run.stderr()
    assert said(run, r"^fanfold-sink: 2 dead letters \(2 whole chunks\) in out\.dead-letters; "), run.stderr()


def test_a_run_that_resumes_says_which_dead_letters_are_its_own(case):
    case.file("input", LINES)
    script = '[ $FANFOLD_SEQ != 3 ] || exit 7; [ $FANFOLD_SEQ != 5 ] || [ -e mended ] || exit 9; cat'
    words = ["-j1", "--on-error", "skip", "--halt", "now,fail=2", "--retries", "1", "-N1000", "-i", "input", "-o", "out"]
    case.run("fanfold", *words, "--", "sh", "-c", script).expect(3)
    letters = len(list(case.path("out.dead-letters").glob("*.json")))
    case.file("mended", b"")
    script = script.replace("!= 3", "!= 15")
    run = case.run("fanfold", "--resume", *words, "--", "sh", "-c", script)
    run.expect(1)
    total = len(list(case.path("out.dead-letters").glob("*.json")))
    assert total > letters > 0, (total, letters)
    assert said(run, rf"^fanfold-sink: {total} dead letters \(of this run \d whole chunks?\) in out\.dead-letters; "), run.stderr()
