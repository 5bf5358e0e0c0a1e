# SPDX-License-Identifier: MIT
"""A chunk that fails every time ends the run, which says why."""

import re
import signal

from endings import LINES, ends
from resuming import position_of


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


def test_what_continues_a_run_that_a_chunk_has_ended_does_not_fail_at_it_again(case):
    """The line that names --resume names what leaves the chunk's bad records out, each time."""
    case.file("input", LINES)
    words = ["-N100", "-i", "input", "-o", "out", "--retries", "1", "--", "sh", "-c", '[ "$FANFOLD_SEQ" != 7 ] || exit 3; cat']
    chunk = r"^fanfold-ventilator: chunk 7 .* exit status 3$"
    leaves_out = r"leaves out the records that fail \(with (--on-error skip) the whole chunk\)$"
    whole = r"^fanfold-sink: out is whole up to chunk \d \(byte \d+\)"
    first = case.run("fanfold", *words)
    first.expect(3)
    said = rf"{whole}: repeat the command with --resume to continue; with (--on-error isolate) too, it {leaves_out}"
    assert re.search(said, first.stderr(), re.M), first.stderr()
    case.run("fanfold", "--resume", *words).expect(3)  # up to the chunk, if it was not there before
    again = case.run("fanfold", "--resume", *words)
    again.expect(3)
    said = re.search(rf"{whole}, as before: with (--on-error isolate) as well, the command {leaves_out}", again.stderr(), re.M)
    assert said, again.stderr()
    for run in (first, again):
        assert sum(bool(re.search(chunk, line)) for line in run.reasons()) == 1, run.stderr()
    last = case.shell(f"fanfold --resume {said[1]} {' '.join(words[:-1])} '{words[-1]}'")
    last.expect(1)
    lines = LINES.splitlines(True)
    assert case.path("out").read_bytes() == b"".join(lines[:700] + lines[800:])


def test_a_run_that_fails_before_its_first_byte_is_told_what_leaves_bad_records_out(case):
    case.file("input", LINES)
    said = r"^fanfold-sink: hint: if only some records fail, --on-error isolate leaves them out \(--on-error skip the whole chunk\)$"
    words = ["-N100", "-i", "input", "--retries", "1", "--", "sh", "-c", '[ "$FANFOLD_SEQ" != 0 ] || exit 3; cat']
    for options in (["-o", "out"], []):
        run = case.run("fanfold", *options, *words)
        run.expect(3)
        assert len(re.findall(said, run.stderr(), re.M)) == 1, run.stderr()
    quiet = case.run("fanfold", "--quiet", *words)
    quiet.expect(3)
    assert "hint" not in quiet.stderr(), quiet.stderr()


def test_a_run_that_somebody_interrupts_is_not_told_of_bad_records(case):
    gate = case.gate()
    case.file("input", LINES)
    words = ["-j1", "-N100", "-i", "input", "-o", "out", "--", "sh", "-c", f"[ $FANFOLD_SEQ != 9 ] || : <{gate.path}; cat"]
    run = case.start("fanfold", *words)
    case.wait_for(lambda: position_of(case.path("out")) > 0, "a journal")
    run.signal_group(signal.SIGINT)
    gate.open()
    run.expect(130)
    assert "--resume to continue\n" in run.stderr() and "isolate" not in run.stderr(), run.stderr()
