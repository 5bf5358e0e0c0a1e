# SPDX-License-Identifier: MIT
"""What goes in comes out, byte for byte, whatever it is and however it is cut.

A file and a pipe are different sources, so each input goes through both. Of the long runs
some take turns: where the cut is dear (a process a line), one of the two sources is
enough, as the other has been through the same cutter with every other size.
"""

import re

import pytest
from harness import build_directory

MIB = 1 << 20
GIB = 1 << 30
SUMMARY = re.compile(r"^fanfold-ventilator: .* in [\d.]+ s \(.*/s\), (\d+) chunks?, \d+ retr(?:y|ies)$")


def chunks_of(run):
    """The number of chunks in the summary, which is all that the run said. A chunk that
    waited for long may have been given to another slot: a retry, and no failure."""
    (line,) = run.reasons()
    summary = SUMMARY.match(line)
    assert summary, line
    return int(summary[1])


def run_from(source, case, path, *words, deadline=120.0):
    """fanfold over the file, as its standard input or through a pipe; its chunks."""
    script = {"file": 'fanfold "$@" < "$0"', "pipe": 'cat "$0" | fanfold --block-timeout 0 "$@"'}[source]
    run = case.run(
        "bash", "-o", "pipefail", "-c", script, path, *words, name=source, deadline=deadline
    )
    run.expect(0)
    case.assert_same(run.stdout, path)
    run.stdout.unlink()
    chunks = chunks_of(run)
    case.assert_no_leftovers()
    case.assert_no_files_left()
    return chunks


def from_both(case, path, *words, deadline=120.0):
    """The chunks must not depend on the source: a pipe is read in bits, a file is not.
    (On the time they may: a slow machine's pipe is told to wait.)"""
    counts = [run_from(source, case, path, *words, deadline=deadline) for source in ("file", "pipe")]
    assert counts[0] == counts[1], counts
    return counts[0]


def cat_both(case, content, *options):
    return from_both(case, case.file("in", content), "-j4", *options, "--", "cat")


def echo_plugin():
    return ["-j4", "--plugin", build_directory() / "worker/examples/echo.so"]


# ---- small and odd ----


def test_an_empty_file(case):
    assert cat_both(case, b"") == 0


def test_one_byte(case):
    assert cat_both(case, b"x") == 1


def test_one_record_end(case):
    assert cat_both(case, b"\n") == 1


def test_no_final_newline(case):
    assert cat_both(case, b"one\ntwo\nthree", "-N1") == 3
    assert cat_both(case, b"one\ntwo\nthree") == 1


def test_carriage_returns(case):
    assert cat_both(case, b"one\r\ntwo\r\n\r\nthree\r\n", "-N1") == 4
    assert cat_both(case, b"one\r\n" * 10000, "--block", "1K") > 40


def test_every_byte_there_is(case):
    every = bytes(range(256))
    assert cat_both(case, every) == 1
    assert cat_both(case, every * 1000, "--block", "1K") > 200
    assert cat_both(case, every, "-N1") == 2
    assert cat_both(case, every * 10, "-0", "-N1") == 11


def test_empty_lines_only(case):
    assert cat_both(case, b"\n" * 1000, "-N1") == 1000
    assert cat_both(case, b"\n" * 100000, "--block", "1K") == 98


def test_a_long_line_amid_short_ones(case):
    short = b"".join(b"line %d\n" % number for number in range(20000))
    cat_both(case, short + b"x" * (20 * MIB) + b"\n" + short, "--block", "64K")


def test_a_long_line_without_an_end_is_the_last(case):
    cat_both(case, b"first\n" + b"y" * (20 * MIB), "--block", "64K")


# ---- much ----


def test_a_quarter_of_a_gibibyte_in_blocks_of_1M(case):
    chunks = from_both(case, case.text(256 * MIB), "-j4", "--block", "1M", "--", "cat")
    assert 256 <= chunks <= 258, chunks


@pytest.mark.deadline(300.0)
def test_a_gibibyte_in_blocks_of_16M(case):
    chunks = run_from("file", case, case.text(GIB), "-j4", "--block", "16M", "--", "cat", deadline=150.0)
    assert 64 <= chunks <= 65, chunks


# ---- many: a process a chunk ----


def log_text(case):
    """2 MiB of lines of 350 bytes or so, as logs of services have them. With the words of a
    book, a process a line would take minutes to no other purpose."""
    path = case.path("log")
    lines = case.text(2 * MIB).read_bytes().splitlines()
    groups = [b" ".join(lines[i : i + 6]) + b"\n" for i in range(0, len(lines), 6)]
    path.write_bytes(b"".join(groups))
    return path, len(groups)


@pytest.mark.deadline(300)
def test_two_mebibytes_in_blocks_of_1K(case):
    path, _ = log_text(case)
    assert run_from("pipe", case, path, "-j4", "--block", "1K", "--", "cat") > 2 * 1024


def test_two_mebibytes_in_blocks_of_64K(case):
    path, _ = log_text(case)
    assert from_both(case, path, "-j4", "--block", "64K", "--", "cat") >= 32


@pytest.mark.deadline(240.0)
def test_two_mebibytes_a_process_a_line(case):
    path, lines = log_text(case)
    assert run_from("file", case, path, "-j4", "-N1", "--", "cat", deadline=180.0) == lines


def test_two_mebibytes_a_process_each_7_lines(case):
    path, lines = log_text(case)
    assert run_from("pipe", case, path, "-j4", "-N7", "--", "cat") == -(-lines // 7)


def test_two_mebibytes_a_process_each_1000_lines(case):
    path, lines = log_text(case)
    assert from_both(case, path, "-j4", "-N1000", "--", "cat") == -(-lines // 1000)


# ---- many: a plugin ----


def echo_text(case):
    path = case.text(64 * MIB)
    return path, sum(block.count(b"\n") for block in blocks(path))


def blocks(path):
    with open(path, "rb") as file:
        while block := file.read(MIB):
            yield block


@pytest.mark.deadline(240.0)
def test_a_plugin_in_blocks_of_1K(case):
    path, _ = echo_text(case)
    assert from_both(case, path, "--block", "1K", *echo_plugin()) > 64 * 1024


@pytest.mark.deadline(240.0)
def test_a_plugin_in_blocks_of_64K(case):
    path, _ = echo_text(case)
    assert from_both(case, path, "--block", "64K", *echo_plugin()) >= 1024


@pytest.mark.deadline(300.0)
def test_a_plugin_a_call_a_line(case):
    path, lines = echo_text(case)
    assert run_from("pipe", case, path, "-N1", *echo_plugin(), deadline=240.0) == lines


@pytest.mark.deadline(240.0)
def test_a_plugin_a_call_each_7_lines(case):
    path, lines = echo_text(case)
    assert run_from("file", case, path, "-N7", *echo_plugin()) == -(-lines // 7)


@pytest.mark.deadline(240.0)
def test_a_plugin_a_call_each_1000_lines(case):
    path, lines = echo_text(case)
    assert from_both(case, path, "-N1000", *echo_plugin()) == -(-lines // 1000)
