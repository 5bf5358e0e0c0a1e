# SPDX-License-Identifier: MIT
"""A stream that waits hands out the whole records that it has."""

import shutil
import subprocess
import time

from input_files import UPPER, compress


def test_a_stream_that_waits_hands_out_the_whole_records_that_it_has(case):
    for options in ([], ["--block-timeout", "0.2"], ["-N", "100", "--block-timeout", "0.2"]):
        run = case.start("fanfold", *options, "-j2", *UPPER, stdin=subprocess.PIPE)
        for more, expected in ((b"one\ntwo\nth", b"ONE\nTWO\n"), (b"ree\n", b"ONE\nTWO\nTHREE\n")):
            run.stdin.write(more)
            run.stdin.flush()
            case.wait_for(lambda run=run, expected=expected: run.output() == expected, f"{expected} with {options}")
        run.stdin.write(b"last")
        run.stdin.close()
        run.expect(0)
        assert run.output() == b"ONE\nTWO\nTHREE\nLAST"


def test_a_compressed_stream_that_waits_does_too(case):
    if not shutil.which("zstd"):
        case.skip("no zstd here")
    run = case.start("fanfold", "-j2", *UPPER, stdin=subprocess.PIPE)
    for number in range(2):
        run.stdin.write(compress("zstd", b"frame %d\n" % number))
        run.stdin.flush()
        case.wait_for(lambda end=number + 1: run.output().count(b"\n") == end, "what came so far")
    run.stdin.close()
    run.expect(0)
    assert run.output() == b"FRAME 0\nFRAME 1\n"


def shortest_way(case, *options, lines=10):
    """How long a line takes from our hand into the program's input to the output."""
    run = case.start("fanfold", "-j2", *options, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    took = []
    for number in range(lines):
        sent = time.monotonic()
        run.stdin.write(b"line %d\n" % number)
        run.stdin.flush()
        assert run.popen.stdout.readline() == b"line %d\n" % number
        took.append(time.monotonic() - sent)
    run.stdin.close()
    run.expect(0)
    return min(took)


def test_a_latency_is_about_how_long_a_result_takes(case):
    """In each mode, and with -N."""
    for options in (["--", "cat"], ["-N", "100", "--", "cat"], ["--mode", "lines", "--", "sed", "-u", ""]):
        way = shortest_way(case, "--latency", "10ms", *options)
        assert way < 0.08, (options, way)


def test_a_line_does_not_wait_for_a_second_while_a_slot_is_free(case):
    way = shortest_way(case, "--", "cat", lines=3)
    assert 0.1 <= way < 0.8, way
