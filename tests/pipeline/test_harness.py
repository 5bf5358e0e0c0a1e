# SPDX-License-Identifier: MIT
"""The harness itself: a test that fails, leaks or hangs is reported as that."""

import signal
from pathlib import Path

from harness import FOLDERS, assert_same, make_text, sha256_of

INNER = """
import pytest

def test_that_passes(case):
    case.run("true").expect(0)

def test_that_fails(case):
    case.shell("echo said by the program >&2; exit 3").expect(0)

def test_that_leaks(case):
    case.shell("setsid sleep 1000 & disown").expect(0)

@pytest.mark.deadline(2)
def test_that_hangs(case):
    case.start("sleep", "1000").wait()

def test_that_skips(case):
    case.skip("no such thing here")

def test_that_differs(case):
    case.assert_same(case.file("a", b"x" * 3000000 + b"abc"), case.file("b", b"x" * 3000000 + b"aBc"))
"""

WAITS = """
tries = []

def test_that_waits_in_vain_once(case):
    tries.append(case)
    case.wait_for(lambda: len(tries) > 1, "the second try")

def test_that_always_waits_in_vain(case):
    case.wait_for(lambda: False, "what never comes")

def test_that_fails_once(case):
    tries.append(case)
    assert len(tries) != 3
"""


def run_inner(case, *words, script=INNER):
    script = case.file("test_inner.py", script.encode())
    words = ["-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", "--tap", script, *words]
    env = {"FANFOLD_SLOWNESS": "0.05", "PYTHONPATH": str(Path(__file__).parent)}
    return case.run("/usr/bin/python3", "-B", *words, env=env)


def test_a_wait_in_vain_is_tried_again_and_told_and_nothing_else_is(case):
    run = run_inner(case, script=WAITS)
    run.expect(1)
    lines = run.output().decode().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "1..3",
        "ok 1 - that waits in vain once",
        "not ok 2 - that always waits in vain",
        "not ok 3 - that fails once",
    ], "\n".join(lines)
    told = [line.partition("in vain ")[2] for line in lines if line.startswith("# tried again: ")]
    assert told == ["for the second try", "for what never comes"], "\n".join(lines)


def test_failing_leaking_and_hanging_tests_are_reported_as_that(case):
    run = run_inner(case)
    run.expect(1)
    lines = run.output().decode().splitlines()
    verdicts = [line for line in lines if not line.startswith("#")]
    assert verdicts == [
        "1..6",
        "ok 1 - that passes",
        "not ok 2 - that fails",
        "not ok 3 - that leaks",
        "not ok 4 - that hangs",
        "ok 5 - that skips # SKIP no such thing here",
        "not ok 6 - that differs",
    ], "\n".join(lines)
    comments = "\n".join(line for line in lines if line.startswith("#"))
    for part in (
        "ended with status 3, not 0",
        "#     said by the program",
        "processes are left behind",
        "sleep 1000",
        "the test still runs after",
        "at byte 3000001",
    ):
        assert part in comments, f"{part!r} is not in\n{comments}"


def test_a_failed_test_leaves_no_process_and_no_file(case):
    run_inner(case)
    case.assert_no_leftovers()
    case.assert_no_files_left()


def test_words_choose_the_tests(case):
    run = run_inner(case, "-k", "that and passes")
    run.expect(0)
    assert run.output().startswith(b"1..1\nok 1 - that passes\n"), run.output()
    run_inner(case, "-k", "no_such_test").expect(5)


def test_text_is_the_same_for_a_seed_and_of_the_size_asked_for(case):
    for size in (0, 1, 70_000, 20_000_003):
        text = make_text(size, seed=7)
        digest = sha256_of(text)
        assert text.stat().st_size == size
        text.unlink()
        assert sha256_of(make_text(size, seed=7)) == digest
    assert sha256_of(make_text(70_000, seed=8)) != sha256_of(make_text(70_000, seed=7))
    assert make_text(20_000_003, seed=7).read_bytes().endswith(b"\n")


def test_files_that_are_the_same_are_found_so(case):
    text = case.text(3 << 20)
    assert_same(case.file("copy", text.read_bytes()), text)


def test_processes_are_found_and_measured(case):
    sleeper = case.start("sleep", "1000")
    case.wait_for(lambda: case.pids_of("sleep") == [sleeper.pid], "sleep to be found")
    assert 0 < case.proportional_bytes() <= case.resident_bytes() < 64 << 20
    sleeper.signal(signal.SIGTERM)
    sleeper.expect(128 + signal.SIGTERM)
    case.assert_no_leftovers(within=0)


def test_our_programs_are_found(case):
    for program in FOLDERS:
        run = case.run(program, "--help")
        assert run.status != 127, run.stderr()
