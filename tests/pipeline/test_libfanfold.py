# SPDX-License-Identifier: MIT
"""libfanfold, by a C program that embeds it (embedding_program.c) and by its example."""

import re
import shutil

import pytest
from harness import Skip, build_directory

ECHO = """\
import struct, sys
read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
write(b"\\xf4ff." + bytes(16))
sys.stdout.flush()
while head := read(32):
    request, length, seq, attempt, records = struct.unpack(">QQQII", head)
    result = read(length)
    write(b"\\xf4ff+" + struct.pack(">QQ", request, len(result)) + result)
    sys.stdout.flush()
"""


def program():
    return build_directory() / "tests/pipeline/embedding_program"


def embed(case, name, *command, mode="", status=0, before=(), **more):
    """What the program printed."""
    run = case.run(*before, program(), name, mode, *map(str, command), **more)
    run.expect(status)
    return run.stdout.read_text()


def echo(case):
    """A program of mode frames that answers each chunk with itself."""
    return ["/usr/bin/python3", case.file("echo.py", ECHO.encode())]


def test_a_million_small_records_come_back_in_order(case):
    told = embed(case, "many", *echo(case), mode="frames", env={"COUNT": "1000000"}, deadline=100)
    assert told == "1000000 in order\n"


def test_two_runs_live_in_one_process(case):
    embed(case, "two", *echo(case), mode="frames")


def test_a_fork_is_refused_and_may_have_a_run_of_its_own(case):
    told = embed(case, "fork", *echo(case), mode="frames")
    assert re.match(r"this process was forked from process \d+, which opened the run", told)


def test_a_fork_with_copies_of_the_descriptors_does_not_hold_up_the_end(case):
    embed(case, "idle-fork", "cat")


def test_a_killed_fanfold_is_a_sentence(case):
    told = embed(case, "killed", *echo(case), mode="frames")
    assert told.startswith("137: fanfold was ended by signal 9; ")
    case.wait_for(lambda: not list(case.directory.glob("**/fanfold-lib-*")), "the run's directory to be removed")


def test_a_command_that_is_not_there_is_a_sentence(case):
    told = embed(case, "error", "no-such-command")
    assert told.startswith("127: fanfold ended with status 127; 1 of 1 records have no result: "), told
    assert "no-such-command" in told


def test_a_program_fanfold_that_is_not_there_is_a_sentence(case):
    told = embed(case, "error", "cat", env={"FANFOLD_PROGRAM": "/no/such"})
    assert told.startswith("-1: cannot find the program fanfold"), told


def test_options_that_fanfold_refuses_are_a_sentence(case):
    told = embed(case, "error", "cat", mode="nonsense")
    assert "nonsense" in told and told.startswith("2: fanfold ended with status 2"), told


def test_records_of_no_byte_of_a_hundred_megabytes_and_of_too_many(case):
    told = embed(case, "sizes", "cat")
    assert told == (
        "a record is longer than 4294967295 bytes, and was not taken\na record has at most 64 parts, not 65\n"
    )


def test_a_record_that_fails_comes_with_its_reason(case):
    command = ["sh", "-c", "read -r x; [ $x = good ] || { echo it is $x >&2; exit 3; }; printf %s $x"]
    told = embed(case, "failed", *command)
    assert told == "record 1: exit status 3 after 3 attempts: it is bad\nstatus 1\n"


def test_a_run_that_nobody_takes_from_takes_no_more_and_no_memory(case):
    gate = case.gate()
    told = embed(case, "full", "sh", "-c", f"read -r x <{gate.path}; cat", env={"GATE": str(gate.path)}, deadline=100)
    pushed, more = map(int, re.findall(r"\d+", told))
    assert 100 < pushed < 400 << 10
    assert more < 1024


def test_a_record_that_found_no_room_is_told_of_room(case):
    gate = case.gate()
    embed(case, "room", "sh", "-c", f": <{gate.path}; wc -c", env={"GATE": str(gate.path)}, deadline=100)


def test_a_run_that_is_closed_early_leaves_nothing_behind(case):
    embed(case, "closed", *echo(case), mode="frames")
    assert not list(case.directory.glob("**/fanfold-lib-*"))


def test_unordered_results_say_whose_they_are(case):
    gate = case.gate()
    script = f"x=$(cat); [ $x = fast ] || : <{gate.path}; printf %s $x"
    told = embed(case, "unordered", "sh", "-c", script, env={"GATE": str(gate.path)})
    assert told == "1\n0\n"


def test_the_example_prints_lines_in_order(case):
    text = b"".join(b"line %d\n" % i for i in range(300))
    run = case.run(build_directory() / "deploy/lib/examples/upper_lines", "tr", "a-z", "A-Z", stdin=text)
    run.expect(0)
    assert run.stdout.read_bytes() == text.upper()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["false"], "line 1: exit status 1\nline 2: exit status 1\n"),
        (["sh", "-c", "echo bad >&2; exit 3"], "line 1: exit status 3: bad\nline 2: exit status 3: bad\n"),
        (["sh", "-c", "kill -9 $$"], "line 1: signal 9 (KILL)\nline 2: signal 9 (KILL)\n"),
    ],
)
def test_the_example_fails_where_the_command_does(case, command, told):
    run = case.run(build_directory() / "deploy/lib/examples/upper_lines", *command, stdin=b"a\nb\n")
    run.expect(1)
    assert run.stderr() == told + "upper_lines: the command failed for 2 of the lines\n"


@pytest.mark.parametrize(("command", "status", "why"), [("no-such-command", 127, "command not found"), ("/dev/null", 126, "cannot be executed")])
def test_the_example_says_why_the_command_cannot_run(case, command, status, why):
    run = case.run(build_directory() / "deploy/lib/examples/upper_lines", command, stdin=b"a\nb\n")
    run.expect(1)
    assert re.match(f"upper_lines: fanfold ended with status {status}; 2 of 2 records have no result: .*{command}: {why}", run.stderr())


def test_valgrind_finds_nothing(case):
    valgrind = shutil.which("valgrind")
    if not valgrind:
        raise Skip("valgrind is not installed")
    before = [valgrind, "-q", "--leak-check=full", "--error-exitcode=99", "--child-silent-after-fork=yes"]
    for name in ("two", "fork", "killed"):
        embed(case, name, *echo(case), mode="frames", before=before, deadline=100)


@pytest.mark.parametrize("name", ["two", "fork"])
def test_it_works_without_standard_streams(case, name):
    """Whatever numbers the descriptors get."""
    line = f'exec "$0" "$@" 0<&- >{case.path("out")} 2>{case.path("err")}'
    run = case.run("sh", "-c", line, program(), name, "frames", *map(str, echo(case)))
    run.expect(0)
