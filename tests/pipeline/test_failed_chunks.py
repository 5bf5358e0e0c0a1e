# SPDX-License-Identifier: MIT
"""A chunk that fails every time ends the run, which says why."""

import re

from endings import LINES, ends


def test_a_chunk_that_fails_every_time(case):
    script = 'if [ "$FANFOLD_SEQ" = 7 ]; then echo "attempt $FANFOLD_ATTEMPT is no good" >&2; exit 3; fi; cat'
    run = case.start("fanfold", "-j2", "-N10", "--", "sh", "-c", script, stdin=LINES)
    run.expect(3)
    *passed, last = run.reasons()
    assert len(passed) == 3, passed
    for line in passed:
        assert re.fullmatch(r"\[slot [12] seq 7\] attempt \d is no good", line), line
    lines = LINES.splitlines(True)
    begin = len(b"".join(lines[:70]))
    end = begin + len(b"".join(lines[70:80])) - 1
    expected = (
        rf"^fanfold-ventilator: chunk 7 \(bytes {begin}-{end}, records 71-80\) failed for good "
        r'after 3 attempts: exit status 3; it said: "attempt \d is no good"$'
    )
    assert re.search(expected, last), last
    assert b"".join(lines[:70]).startswith(run.output()), "the output is not what came before it"
    case.assert_no_leftovers()
    case.assert_no_files_left()


def test_a_chunk_in_which_grep_finds_nothing(case):
    said = r"chunk 0 .* exit status 1; if status 1 means that it found nothing, as with grep, use (--shell '.*')$"
    case.file("input", LINES)
    run = ends(case, ["--retries", "1", "--", "grep", "nowhere"], 3, said)
    remedy = re.search(said, run.reasons()[-1])[1].replace("...", "nowhere")
    again = case.shell(f"fanfold --retries 1 -i input {remedy}", stdin=None)
    again.expect(0)
    assert again.output() == b""


def test_a_chunk_whose_command_crashes_every_time(case):
    said = r"chunk 0 .* after 2 attempts: ended by signal 9 \(Killed\)$"
    ends(case, ["--retries", "2", "--", "sh", "-c", "kill -9 $$"], 3, said)
