# SPDX-License-Identifier: MIT
"""--strip-frame: a program gets each record of --format frames alone, and need not know of lengths."""

import struct

import pytest
from harness import build_directory

ECHO = build_directory() / "worker/examples/echo.so"
FRAMES = """
import sys
sys.path.insert(0, SDK)
import fanfold
fanfold.serve(lambda chunk, state: b"<" + bytes(chunk) + b">")
"""
STRIP = ["--format", "frames", "--strip-frame"]
RECORDS = [b"one", b"", b"two\nlines\n", b"\0\xff\0", b"five" * 1000, b"\0\0\0\1a"]
PLAIN = [b"record %d" % number for number in range(3000)]
# "[", its input, "]"; a record with "bad" in it fails.
BRACKETS = """printf '['; cat >"$FANFOLD_SLOT.in"; cat "$FANFOLD_SLOT.in"; printf ']'; ! grep -q bad "$FANFOLD_SLOT.in\""""


def frames(records):
    return b"".join(struct.pack(">I", len(record)) + record for record in records)


def test_a_command_gets_each_record_alone(case):
    run = case.run("fanfold", *STRIP, "-j2", "--", "sh", "-c", BRACKETS, stdin=frames(RECORDS))
    run.expect(0)
    assert run.output() == b"".join(b"[" + record + b"]" for record in RECORDS)


def test_one_record_a_chunk_may_be_said(case):
    run = case.run("fanfold", *STRIP, "-N1", "--", "sh", "-c", BRACKETS, stdin=frames(RECORDS))
    run.expect(0)
    assert run.output() == b"".join(b"[" + record + b"]" for record in RECORDS)


def test_a_frames_program_gets_each_record_alone(case):
    program = case.file("wrap.py", FRAMES.replace("SDK", repr(str(build_directory() / "worker/sdk"))).encode())
    words = ["--mode", "frames", "--", "/usr/bin/python3", "-B", program]
    run = case.run("fanfold", *STRIP, *words, stdin=frames(RECORDS))
    run.expect(0)
    assert run.output() == b"".join(b"<" + record + b">" for record in RECORDS)


def test_a_plugin_gets_each_record_alone(case):
    run = case.run("fanfold", *STRIP, "--plugin", ECHO, stdin=frames(RECORDS + PLAIN))
    run.expect(0)
    assert run.output() == b"".join(RECORDS + PLAIN)


@pytest.mark.parametrize("size", [[], ["-N7"], ["--block", "1k"], ["--block", "auto"]])
def test_in_mode_lines_each_record_is_a_line(case, size):
    words = ["--mode", "lines", "--", "sed", "-u", "s/.*/<&>/"]
    run = case.run("fanfold", *STRIP, *size, *words, stdin=frames(PLAIN + [b""]))
    run.expect(0)
    assert run.output() == b"".join(b"<" + record + b">\n" for record in [*PLAIN, b""])


def test_in_mode_lines_a_record_with_a_newline_stops_the_run_with_the_reason(case):
    words = ["--mode", "lines", "--", "sed", "-u", "s/x/y/"]
    run = case.run("fanfold", *STRIP, "-N5", "--retries", 1, *words, stdin=frames([b"good", b"not\ngood"]))
    run.expect(3)
    assert "record 2 of the chunk has a newline in it" in run.stderr()
    assert "--strip-frame gives each record as a line" in run.stderr()


def letters_of(directory):
    return sorted(file.read_bytes() for file in directory.glob("*.input"))


@pytest.mark.parametrize("mode", ["exec", "lines"])
def test_bad_records_are_isolated_and_keep_their_frames_so_that_they_can_be_run_again(case, mode):
    """In mode lines a record with a newline is bad by itself, in the middle of a chunk."""
    bad = {"exec": b"a bad one", "lines": b"two\nlines"}[mode]
    records = [bad if number in (17, 100) else record for number, record in enumerate(PLAIN[:200])]
    command = {
        "exec": ["--", "sh", "-c", BRACKETS],
        "lines": ["-N50", "--mode", "lines", "--", "sed", "-u", "s/.*/[&]/"],
    }[mode]
    end = {"exec": b"]", "lines": b"]\n"}[mode]
    letters = case.path("letters")
    options = [*STRIP, "--on-error", "isolate", "--retries", 1, "--dead-letters", letters]
    run = case.run("fanfold", *options, *command, stdin=frames(records))
    run.expect(1)
    assert run.output() == b"".join(b"[" + record + end for record in records if record != bad)
    assert letters_of(letters) == [frames([bad])] * 2
    if mode == "lines":
        assert "has a newline in it" in next(letters.glob("*.json")).read_text()
    assert "--strip-frame" in run.stderr(), "the command that runs them again"
    again = case.run("fanfold", "-i", letters, *STRIP, "--", "sh", "-c", "cat; printf ';'")
    again.expect(0)
    assert again.output() == (bad + b";") * 2


def test_a_chunk_that_fails_is_a_dead_letter_with_its_frame(case):
    letters = case.path("letters")
    options = [*STRIP, "--on-error", "skip", "--retries", 1, "--dead-letters", letters]
    run = case.run("fanfold", *options, "--", "sh", "-c", BRACKETS, stdin=frames([b"good", b"bad", b"good too"]))
    run.expect(1)
    assert run.output() == b"[good][good too]"
    assert letters_of(letters) == [frames([b"bad"])]


def test_headers_work_as_ever(case):
    """The input's header comes before each record; that of results is there once."""
    options = [*STRIP, "--header", ":", "--header-out", ":"]
    run = case.run("fanfold", *options, "--", "cat", stdin=b"title\n" + frames([b"a\n", b"b\n"]))
    run.expect(0)
    assert run.output() == b"title\na\nb\n"


def test_an_empty_input_starts_nothing(case):
    run = case.run("fanfold", *STRIP, "--", "sh", "-c", BRACKETS, stdin=b"")
    run.expect(0)
    assert run.output() == b""


@pytest.mark.parametrize(
    "words, sentence",
    [
        ([], "--strip-frame needs --format frames"),
        (["--format", "csv"], "--strip-frame needs --format frames"),
        (["--whole-files"], "--strip-frame needs --format frames"),
        (["--format", "frames", "-N2"], "with -N, expected 1, or --mode lines"),
        (["--format", "frames", "--block", "1M"], "excludes --block, except with --mode lines"),
    ],
)
def test_what_does_not_go_with_it_is_refused_by_a_sentence(case, words, sentence):
    run = case.run("fanfold", "--strip-frame", *words, "--", "cat", stdin=frames([b"a"]))
    run.expect(2)
    assert sentence in run.stderr(), run.stderr()


def by_hand(case, ventilator, worker, records):
    at = case.endpoints()
    roles = [
        case.start("fanfold-ventilator", *at[:2], *ventilator, "--retries", 1, stdin=frames(records)),
        case.start("fanfold-sink", *at),
        case.start("fanfold-worker", *at[:2], "-j1", "--strip-frame", *worker, "--", "cat"),
    ]
    for role in roles:
        role.wait()
    return roles


def test_by_hand_both_have_it_or_the_chunk_fails_with_what_to_do(case):
    ventilator, sink, _ = by_hand(case, STRIP, [], [b"a", b"b"])
    assert (ventilator.wait(), sink.output()) == (0, b"ab")
    ventilator, *_ = by_hand(case, ["--format", "frames"], [], [b"a", b"b"])
    assert ventilator.wait() == 3
    assert "the chunk has 2 records" in ventilator.stderr()
    assert "give the ventilator --strip-frame or -N 1" in ventilator.stderr()
    ventilator, *_ = by_hand(case, [], [], [b"a", b"b"])
    assert ventilator.wait() == 3
    assert "--strip-frame needs the ventilator's --format frames" in ventilator.stderr()


@pytest.mark.parametrize("mode", [[], ["--mode", "lines"]])
def test_records_out_are_what_programs_write_that_know_no_lengths(case, mode):
    run = case.run("fanfold", *STRIP, *mode, "-j2", "--frames-out=record", "--", "cat", stdin=frames(PLAIN[:50]))
    run.expect(0)
    assert run.output() == frames(PLAIN[:50])
