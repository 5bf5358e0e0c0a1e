# SPDX-License-Identifier: MIT
"""Workers on hosts where the program fails everything, or for a while, or never answers: a
run ends as it would without them, says who they are, and ends in the documented way where no
other worker is left."""

import re

import pytest

LINES = b"".join(b"%d\n" % number for number in range(4000))
CHUNKS = 50
GOOD = ["-j1", "--", "sh", "-c", "sleep 0.05; cat"]
BAD = ["-j1", "--", "sh", "-c", "cat > /dev/null; echo no space left >&2; exit 9"]
ASIDE = r"^fanfold-ventilator: the worker on .* is set aside, and tried again now and then: "
WHY = r"\d chunks in a row failed there that others did: exit status 9; it said: .*no space left"
BACK = r"^fanfold-ventilator: the worker on .* serves again$"


def start_run(case, good, bad, *options, bad_command=BAD):
    sink = case.start("fanfold-sink", name="sink")
    goods = [case.start("fanfold-worker", *GOOD, name="good") for _ in range(good)]
    bads = [case.start("fanfold-worker", *bad_command, name="bad") for _ in range(bad)]
    ventilator = case.start(
        "fanfold-ventilator", "--min-workers", good + bad, "-N", len(LINES.splitlines()) // CHUNKS, *options, stdin=LINES
    )
    return sink, ventilator, goods, bads


def said(process, pattern):
    return re.findall(pattern, process.stderr(), re.M)


@pytest.mark.parametrize("good, bad", [(2, 1), (2, 2), (3, 5)])
@pytest.mark.parametrize("on_error", ["stop", "skip", "isolate"])
def test_bad_workers_end_no_run_that_others_serve_and_each_is_said_once(case, good, bad, on_error):
    sink, ventilator, goods, bads = start_run(case, good, bad, "--on-error", on_error)
    ventilator.expect(0)
    for process in [sink, *goods, *bads]:
        process.expect(0)
    assert sink.output() == LINES
    assert len(said(ventilator, ASIDE + WHY)) == len(said(ventilator, ASIDE)) == bad, ventilator.stderr()


def test_a_worker_that_turns_bad_and_heals_is_set_aside_and_back(case):
    turns = "cat > chunk.$$; [ ! -e bad ] || { echo no space left >&2; exit 9; }; sleep 0.02; cat chunk.$$; rm chunk.$$"
    sink, ventilator, goods, bads = start_run(case, 1, 1, bad_command=["-j1", "--", "sh", "-c", turns])
    case.wait_for(lambda: len(sink.output()) > 400, "the run to be under way")
    case.file("bad", b"")
    ventilator.wait_for_stderr(ASIDE + WHY)
    case.path("bad").unlink()
    ventilator.expect(0)
    for process in [sink, *goods, *bads]:
        process.expect(0)
    assert sink.output() == LINES
    assert len(said(ventilator, ASIDE)) == 1, ventilator.stderr()
    assert len(said(ventilator, BACK)) <= 1, ventilator.stderr()


def test_a_run_in_which_all_workers_are_bad_ends_with_the_reason(case):
    sink, ventilator, _, bads = start_run(case, 0, 4)
    ventilator.expect(3)
    ventilator.wait_for_stderr(r"^fanfold-ventilator: chunk \d+ .* failed for good after \d+ attempts: exit status 9; it said")
    for process in [sink, *bads]:
        process.wait()
    assert not said(ventilator, ASIDE), ventilator.stderr()


@pytest.mark.parametrize("on_error, dead", [("skip", 1), ("isolate", 1)])
def test_a_bad_record_sets_nobody_aside(case, on_error, dead):
    picky = ["-j1", "--", "sh", "-c", "sleep 0.01; cat > c.$$; if grep -qx 1234 c.$$; then rm c.$$; exit 9; fi; cat c.$$; rm c.$$"]
    sink, ventilator, _, workers = start_run(case, 0, 4, "--on-error", on_error, bad_command=picky)
    ventilator.expect(1)
    sink.expect(1)
    for worker in workers:
        worker.expect(0)
    assert not said(ventilator, ASIDE), ventilator.stderr()
    lost = 1 if on_error == "isolate" else len(LINES.splitlines()) // CHUNKS
    assert len(sink.output().splitlines()) == 4000 - lost


def test_a_program_that_never_answers_on_one_worker_ends_no_run(case):
    """Before any other has done its first chunk."""
    sink = case.start("fanfold-sink")
    slow = ["--mode", "lines", "--", "sh", "-c", "read line; : < $GATE; echo $line; exec cat"]
    good = case.start("fanfold-worker", "-j1", *slow, env={"GATE": str(case.gate())})
    mute = ["-j1", "--mode", "lines", "--silence", "1", "--", "sh", "-c", "cat > /dev/null"]
    bad = case.start("fanfold-worker", *mute)
    ventilator = case.start("fanfold-ventilator", "--log-level", "trace", "--min-workers", 2, "-N", 1000, stdin=LINES)
    ventilator.wait_for_stderr("received type=FAILED")
    case.gate().open()
    ventilator.expect(0)
    for process in [sink, good, bad]:
        process.expect(0)
    assert sink.output() == LINES


def test_a_sink_that_no_worker_reaches_is_said_and_ends_the_patience(case):
    at = f"ipc://{case.directory}"
    tasks = ["--tasks", f"{at}/tasks"]
    nowhere = f"{at}/nowhere"
    sink = case.start("fanfold-sink", *tasks, "--results", f"{at}/results", "--advertise", nowhere)
    worker = case.start("fanfold-worker", *tasks, "--", "cat")
    ventilator = case.start("fanfold-ventilator", *tasks, "--quiet", "--patience", "6", stdin=LINES)
    ventilator.wait_for_stderr(f'warn sink_unreached results="{nowhere}" workers=1 why=".*--advertise')
    ventilator.expect(5)
    ventilator.wait_for_stderr(f"no worker could connect to the sink at {nowhere} for 6 s: .*--advertise")
    assert len(said(ventilator, "sink_unreached")) == 1
    for process in [sink, worker]:
        process.wait()
