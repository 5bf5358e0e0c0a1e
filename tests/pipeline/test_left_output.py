# SPDX-License-Identifier: MIT
"""Processes that a program left in the background, and that keep its standard output open for seconds."""

import pytest

WAITS = r"^fanfold-worker: slot 1: the program has ended, but process \d+ \(%s\) still has its standard output open; waiting for it$"


def run(case, script, *words):
    words = ["--quiet", "-j1", *words]
    return case.run("fanfold", *words, "--", "sh", "-c", script, stdin=b"a\n")


def said(process):
    return len(process.stderr().splitlines())


@pytest.mark.parametrize("script", ["sleep 1000 & cat", "cat; (while sleep 0.5; do :; done) &"])
def test_one_that_does_nothing_is_named_and_ended(case, script):
    ended = run(case, script)
    assert ended.status == 0 and ended.output() == b"a\n", ended.stderr()
    ended.wait_for_stderr(WAITS % r"\w+")
    ended.wait_for_stderr(r"warn left_behind slot=1 processes=\"s\w+ \(\d+\).*with its standard output open; they did nothing for 5 s")
    assert said(ended) == 2, ended.stderr()
    case.assert_no_leftovers()


def test_the_last_words_of_one_that_is_ended_count(case):
    ended = run(case, "cat; (trap 'echo told; exit' TERM; while :; do sleep 0.1; done) &")
    assert ended.status == 0 and ended.output() == b"a\ntold\n", ended.stderr()


@pytest.mark.parametrize(
    "work, name",
    [("for i in 1 2 3 4 5 6; do sleep 1.2; echo $i; done", "sh"), ("timeout 7 sh -c 'while :; do :; done'; seq 6", r"\w+")],
)
def test_one_that_writes_or_computes_is_named_and_waited_for(case, work, name):
    whole = run(case, f"cat; ({work}) &")
    assert whole.status == 0 and whole.output() == b"a\n1\n2\n3\n4\n5\n6\n", whole.stderr()
    whole.wait_for_stderr(WAITS % name)
    assert said(whole) == 1, whole.stderr()


def test_one_in_a_session_of_its_own_is_named_and_lives_on(case):
    gate = case.gate()
    script = f'[ $FANFOLD_SEQ = 0 ] || : <{gate}; cat; [ $FANFOLD_SEQ = 1 ] || setsid sleep 1000 &'
    run = case.start("fanfold", "--quiet", "-j1", "-N1", "--", "sh", "-c", script, stdin=b"a\nb\n")
    run.wait_for_stderr(r"warn output_held slot=1 processes=\"sleep \(\d+\)\"")
    case.wait_for(lambda: run.output() == b"a\n", "the first result")
    assert case.pids_of("sleep")
    gate.open()
    run.expect(0)
    assert run.output() == b"a\nb\n"
    case.assert_no_leftovers()


@pytest.mark.parametrize("left", ["sleep 60 &", "sleep 60 >/dev/null &"])
def test_the_wait_for_what_a_program_left_is_no_run_time(case, left):
    """So that no hint speaks of long chunks, and the job log tells how long the program ran."""
    words = ["-j4", "--joblog", "log", "--", "sh", "-c", f"cat; {left}"]
    run = case.run("fanfold", *words, stdin=b"1\n2\n3\n")
    run.expect(0)
    assert "warn left_behind" in run.stderr() and "hint" not in run.stderr(), run.stderr()
    head, line = (row.split("\t") for row in case.path("log").read_text().splitlines())
    assert float(line[head.index("JobRuntime")]) < 4, line
