# SPDX-License-Identifier: MIT
"""--joblog: a line for each chunk that ended, which whoever reads GNU parallel's can read."""

import re
import shutil
import signal
import time

from harness import SLOWNESS
from noting_worker import NotingWorker

# GNU parallel's own, by which --resume and --retry-failed find the jobs that went well.
WENT_WELL = re.compile(r"^(\d+)(?:\t[^\t]+){5}\t0\t0\t")
LINE = re.compile(r"^\d+\t[^\t]+\t\d{10,}\.\d{3}\t *\d+\.\d{3}\t\d+\t\d+\t-?\d+\t\d+\t[^\t]+$")

# Chunk 1 fails, 2 kills itself, 3 takes too long.
FAILS = "case $FANFOLD_SEQ in 1) exit 7;; 2) kill -9 $$;; 3) exec sleep 1000;; esac; cat"
# Each chunk fails the first time.
FAILS_AT_FIRST = "[ $FANFOLD_ATTEMPT -gt 1 ] || exit 9; cat"
# Chunk 2 fails while there is the file `hold`.
BROKEN = "[ $FANFOLD_SEQ != 2 ] || [ ! -e hold ] || exit 5; cat"
HANGS = 'echo "begin $FANFOLD_SEQ $FANFOLD_ATTEMPT" >>"$NOTES"; exec sleep 1000'


def numbered(count):
    return b"".join(b"line number %d\n" % number for number in range(1, count + 1))


def lines_of(path):
    """(the header, the lines' fields); each line is as it should be."""
    header, *lines = path.read_text(encoding="ascii").splitlines()
    for line in lines:
        assert LINE.match(line), line
    return header, [line.split("\t") for line in lines]


def codes_of(path):
    """{seq: (exit value, signal)}; there is one line a seq."""
    lines = lines_of(path)[1]
    codes = {int(line[0]): (int(line[6]), int(line[7])) for line in lines}
    assert len(codes) == len(lines), lines
    return codes


def test_each_chunk_has_a_line_in_the_columns_of_gnu_parallel(case):
    if not shutil.which("parallel"):
        case.skip("there is no GNU parallel")
    text = case.file("text", numbered(1000))
    case.shell("parallel --pipe -N1 --joblog theirs cat <<<line").expect(0)
    before = time.time()
    words = ["-i", text, "-N30", "-j3", "--joblog", "ours", "--", "sh", "-c", "sleep 0.01; cat"]
    run = case.run("fanfold", *words)
    after = time.time()
    run.expect(0)
    case.assert_same(run.stdout, text)
    theirs, ours = lines_of(case.path("theirs")), lines_of(case.path("ours"))
    assert ours[0] == theirs[0], ours[0]
    assert sorted(int(line[0]) for line in ours[1]) == list(range(1, 35))
    assert sum(int(line[4]) for line in ours[1]) == text.stat().st_size
    for line in ours[1]:
        assert WENT_WELL.match("\t".join(line)), line
        assert before - 1 <= float(line[2]) and float(line[2]) + float(line[3]) <= after + 1, line
        assert float(line[3]) >= 0.01 and line[8] == "sh -c sleep 0.01; cat", line


def test_many_short_chunks_have_one_line_each(case):
    text = case.text(4 << 20)
    run = case.run("fanfold", "-i", text, "--block", "4k", "-j4", "--mode", "lines", "--joblog", "log", "--", "cat")
    run.expect(0)
    lines = lines_of(case.path("log"))[1]
    assert sorted(int(line[0]) for line in lines) == list(range(1, len(lines) + 1))
    assert sum(int(line[4]) for line in lines) == 4 << 20


def test_what_failed_for_good_says_how(case):
    words = ["-N1", "--on-error", "skip", "--retries", 1, "--timeout", 5 * SLOWNESS, "-o", "out", "--joblog", "log"]
    case.run("fanfold", *words, "--", "sh", "-c", FAILS, stdin=numbered(5)).expect(1)
    expected = {1: (0, 0), 2: (7, 0), 3: (0, 9), 4: (-1, 15), 5: (0, 0)}
    assert codes_of(case.path("log")) == expected, codes_of(case.path("log"))


def test_a_chunk_that_is_tried_again_has_the_line_of_its_last_attempt(case):
    words = ["-N1", "-j2", "--joblog", "log", "--", "sh", "-c", FAILS_AT_FIRST]
    case.run("fanfold", *words, stdin=numbered(6)).expect(0)
    assert codes_of(case.path("log")) == dict.fromkeys(range(1, 7), (0, 0))


def test_a_chunk_whose_worker_was_killed_is_the_next_worker_s(case):
    endpoints = case.endpoints()
    text = numbered(6)
    sink = case.start("fanfold-sink", *endpoints)
    words = [*endpoints[:2], "-N1", "--joblog", "log"]
    ventilator = case.start("fanfold-ventilator", *words, stdin=text)
    first = NotingWorker(case, 1, endpoints[:2], HANGS)
    case.wait_for(lambda: len(first.noted("begin")) == 2, "two chunks to run")
    first.process.signal(signal.SIGKILL)
    second = case.start("fanfold-worker", *endpoints[:2], "--", "cat")
    for process in (ventilator, sink, second):
        process.expect(0)
    assert sink.output() == text
    assert codes_of(case.path("log")) == dict.fromkeys(range(1, 7), (0, 0))
    assert {line[8] for line in lines_of(case.path("log"))[1]} == {"cat"}


def test_lines_are_there_while_the_run_lasts(case):
    words = ["-N1", "-j1", "--joblog", "log", "--", "sh", "-c", "[ $FANFOLD_SEQ = 0 ] || exec sleep 1000; cat"]
    run = case.start("fanfold", *words, stdin=numbered(2))
    log = case.path("log")
    case.wait_for(lambda: log.exists() and log.read_text().count("\n") == 2, "the line of the first chunk")
    run.signal(signal.SIGINT)
    run.wait_for_stderr("a second signal stops it")
    run.signal(signal.SIGINT)
    run.expect(130)
    assert codes_of(log) == {1: (0, 0)}


def test_a_resumed_run_appends_to_its_log(case):
    text = case.file("text", numbered(5))
    case.path("hold").touch()
    words = ["-i", text, "-N1", "-j1", "--retries", 2, "-o", "out", "--joblog", "log", "--", "sh", "-c", BROKEN]
    case.run("fanfold", *words).expect(3)
    failed = lines_of(case.path("log"))[1]
    assert [line[0] for line in failed if line[6] != "0"] == ["3"], failed
    case.path("hold").unlink()
    case.run("fanfold", "--resume", *words).expect(0)
    case.assert_same(case.path("out"), text)
    lines = lines_of(case.path("log"))[1]
    assert lines[: len(failed)] == failed, "what was there was changed"
    assert {line[0] for line in lines if line[6] == "0"} == set("12345"), lines


def test_a_plus_appends_and_without_it_a_new_run_starts_over(case):
    for option, count in [("log", 2), ("+log", 4), ("log", 2), ("+other", 2)]:
        case.run("fanfold", "-N1", "--joblog", option, "--", "cat", stdin=numbered(2)).expect(0)
        header, lines = lines_of(case.path(option.removeprefix("+")))
        assert header.startswith("Seq\t") and len(lines) == count, (option, lines)


def test_a_log_that_cannot_be_written_ends_the_run_before_it_begins(case):
    for log, status, words in [
        ("nowhere/log", 4, r"cannot write --joblog nowhere/log: No such file"),
        (".", 4, r"cannot write --joblog \.: Is a directory"),
        ("text", 2, r"--joblog text is the input"),
        ("out", 2, r"--joblog out is the output"),
        ("-", 2, r"--joblog: '-'"),
    ]:
        text = case.file("text", numbered(2))
        run = case.run("fanfold", "-i", "text", "-o", "out", "--joblog", log, "--", "sh", "-c", "touch begun; cat")
        run.expect(status)
        assert re.search(words, run.stderr()), run.stderr()
        assert text.read_bytes() == numbered(2)
        assert not case.path("begun").exists() and not case.path("out").exists(), log


def test_a_log_that_cannot_be_written_any_more_is_said_and_the_run_continues(case):
    run = case.run("fanfold", "-N1", "--joblog", "/dev/full", "--", "cat", stdin=numbered(5))
    run.expect(0)
    assert run.output() == numbered(5)
    said = [line for line in run.reasons() if "joblog" in line]
    assert said == [
        "fanfold-ventilator: cannot write --joblog /dev/full: No space left on device; the run continues without it"
    ], said


def test_a_run_that_does_not_begin_leaves_the_log_of_the_last_one(case):
    words = ["-N1", "-o", "out", "--joblog", "log", "--", "cat"]
    case.run("fanfold", *words, stdin=numbered(3)).expect(0)
    before = case.path("log").read_bytes()
    case.run("fanfold", "--dry-run", *words, stdin=numbered(1)).expect(0)
    case.run("fanfold", "-o", "nowhere/out", "--joblog", "log", "--", "cat", stdin=numbered(1)).expect(4)
    assert case.path("log").read_bytes() == before
