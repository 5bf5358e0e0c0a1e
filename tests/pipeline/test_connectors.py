# SPDX-License-Identifier: MIT
"""A connector brings records, each once, whatever ends in the middle (common/CONNECTOR.md)."""

import random
import re
import signal
from pathlib import Path

import pytest
from resuming import journal_path

HERE = Path(__file__).resolve().parent


def connector(*words):
    return f"exec:exec perl {HERE / 'connector.pl'} {' '.join(map(str, words))}"


def records(count):
    return b"".join(b"record %d\n" % number for number in range(count))


def test_a_connector_brings_records_and_hears_what_is_committed(case):
    notes, out = case.path("notes"), case.path("out")
    run = case.run("fanfold", "-i", connector(2000, "stay", f"notes={notes}"), "-o", out, "-j2", "--", "cat")
    assert run.status == 0, run.stderr()
    assert out.read_bytes() == records(2000)
    told = notes.read_text().splitlines()
    assert told[0] == "start -" and told[-1] == "end"
    cursors = [int(line.removeprefix("committed ")) for line in told[1:-1]]
    assert cursors == sorted(set(cursors)) and cursors[-1] == 1999


def test_a_connector_that_a_shell_starts_may_close_its_output_and_stay(case):
    """The shell does not stay beside it, holding the output open."""
    notes, out = case.path("notes"), case.path("out")
    command = connector(2000, "stay", f"notes={notes}").replace("exec:exec ", "exec:")
    case.run("fanfold", "-i", command, "-o", out, "-j2", "--", "cat").expect(0)
    assert out.read_bytes() == records(2000)
    assert notes.read_text().splitlines()[-1] == "end"


@pytest.mark.parametrize("every", [1, 7])
def test_a_connector_that_crashes_is_started_behind_its_last_record(case, every):
    """Also where only some records have cursors."""
    out = case.path("out")
    run = case.run(
        *["fanfold", "-i", connector(3000, "crash=5", f"every={every}"), "-o", out, "-j2", "--mode", "lines", "--", "cat"],
        deadline=110,
    )
    assert run.status == 0, run.stderr()
    assert out.read_bytes() == records(3000)
    assert "starting it again in" in run.stderr()


FINAL = pytest.mark.parametrize(
    ("command", "status", "meaning"),
    [
        ("no-such-connector", 127, "the shell does not find a command of it"),
        ("./not-executable", 126, "the shell cannot execute a command of it"),
        ("exit 2", 2, "it does not work as it is called"),
    ],
)


@FINAL
def test_a_connector_that_cannot_get_better_is_started_once(case, command, status, meaning):
    case.file("not-executable", b"")
    run = case.run("fanfold", "-i", f"exec:echo >>starts; {command}", "-j1", "--", "cat")
    run.expect(4)
    sentence = f"{command}: it ended with status {status}, which means that {meaning}: starting it again would not help"
    assert sentence in run.stderr(), run.stderr()
    assert "starting it again in" not in run.stderr() and "however often" not in run.stderr()
    assert case.path("starts").read_bytes() == b"\n"


def test_a_status_of_wrong_usage_behind_a_record_is_a_crash(case):
    """Whoever brought something was not called wrongly."""
    words = "exec:read -r word cursor; [ $cursor = - ] || exit 0; printf '1 3\\none'; exit 2"
    run = case.run("fanfold", "-i", words, "-j1", "--", "cat")
    run.expect(0)
    assert run.output() == b"one\n"
    assert "it ended with status 2; starting it again in" in run.stderr()


def test_a_connector_that_brings_nothing_is_given_up(case):
    """After the tenth start; the pauses before it are half a minute together."""
    run = case.run("fanfold", "-i", "exec:echo >>starts; exit 4", "-j1", "--", "cat", deadline=110)
    run.expect(4)
    assert "giving up, as it brings nothing however often it is started: it ended with status 4" in run.stderr()
    assert case.path("starts").read_bytes() == b"\n" * 10


def test_a_connector_that_brings_only_what_is_dropped_brings_nothing(case):
    """Its pauses grow to the tenth start, as those of one that writes nothing do."""
    words = "exec:printf '%s\\n' '- 3'; printf one; exit 1"
    run = case.start("fanfold", "-i", words, "-j1", "--", "cat")
    run.wait_for_stderr("it ended with status 1; starting it again in 0.8 s")
    run.signal(signal.SIGTERM)
    run.expect(0)


@pytest.mark.parametrize("status", [0, 1])
@pytest.mark.parametrize("session", ["", "setsid "])
def test_a_process_that_a_connector_leaves_behind_does_not_hold_up_its_end(case, status, session):
    """Also one that leaves the connector's process group."""
    started = case.path("started")
    words = f"exec:[ ! -e {started} ] || exit 0; : >{started}; printf '1 3\\none'; {session}sleep 300 & exit {status}"
    run = case.run("fanfold", "-i", words, "-j1", "--", "cat")
    assert run.status == 0, run.stderr()
    assert run.output() == b"one\n"
    assert re.search(r"has ended, but process \d+ \((sleep|setsid|sh)\) holds its output open: reading no more", run.stderr())
    assert ("it ended with status 1; starting it again" in run.stderr()) == (status == 1)


def test_what_is_no_connector_is_told_so(case):
    run = case.start("fanfold", "-i", "exec:echo hello; exec cat", "-j1", "--", "cat")
    run.wait_for_stderr("it wrote 'hello' where \"CURSOR LENGTH\" was expected; starting it again in 0.1 s")
    run.signal(signal.SIGTERM)
    run.expect(0)


def test_a_signal_ends_the_run_at_a_cursor(case):
    out, notes = case.path("out"), case.path("notes")
    words = ["fanfold", "-i", connector(10**9, f"notes={notes}"), "-o", out, "-j2", "--mode", "lines", "--", "cat"]
    run = case.start(*words)
    case.wait_for(lambda: out.exists() and out.stat().st_size > 100000, "some output")
    run.signal(signal.SIGTERM)
    run.expect(0)
    lines = out.read_bytes().splitlines()
    assert out.read_bytes() == records(len(lines))
    assert notes.read_text().splitlines()[-1] in (f"committed {len(lines) - 1}", "end")


@pytest.mark.parametrize("every", [1, 3])
def test_a_run_that_was_killed_resumes_behind_the_committed_cursor(case, every):
    out, chance = case.path("out"), random.Random(every)
    count = 4000
    words = ["-i", connector(count, "crash=1", f"every={every}"), "-o", out, "-j2", "-N", "20", "--", "cat"]
    run = case.start("fanfold", *words)
    for _ in range(4):
        size = chance.randrange(1000, 10000) + (out.stat().st_size if out.exists() else 0)
        case.wait_for(
            lambda run=run, size=size: not run.running() or (out.exists() and out.stat().st_size > size), "more output"
        )
        run.signal(signal.SIGKILL)
        status = run.wait()
        assert status in (0, 137)
        case.assert_no_leftovers()
        if status == 0 or not journal_path(out).exists():
            break  # the kill came when all was there
        run = case.start("fanfold", "--resume", *words)
    else:
        run.expect(0)
    assert out.read_bytes() == records(count)


def test_wrong_words_are_refused(case):
    for words, sentence in (
        (["-i", "exec:"], "expected a command behind it"),
        (["-i", "exec:cat", "-i", "file"], "expected exec: alone"),
        (["-i", "exec:cat", "--hwm", "3"], "--hwm is for inputs that are messages, and not for exec:"),
        (["-i", "exec:cat", "--format", "csv"], "a connector says what a record is"),
    ):
        run = case.run("fanfold-ventilator", *words, stdin=b"")
        assert run.status == 2, (words, run.status)
        assert sentence in run.stderr(), run.stderr()
