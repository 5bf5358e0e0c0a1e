# SPDX-License-Identifier: MIT
"""A dry run lists the chunks."""

from input_files import MIB, UPPER, compress, compressed, inputs, run_over
from resuming import refused


def test_a_dry_run_lists_chunks_and_command_and_touches_nothing(case):
    first, second = case.file("first", b"1\n2\n3\n"), compressed(case, "gzip", b"head\n4\n5\n")
    output = case.path("output")
    run = run_over(
        case, "--dry-run", "-N2", *inputs(first, second), "-o", output, command=["--", "sh", "-c", "it's $1", "a-b"]
    )
    table = [
        "command\tsh -c 'it'\\''s $1' a-b",
        "seq\tinput\toffset\tlength\trecords",
        f"0\t{first}\t0\t4\t2",
        f"1\t{first}\t4\t2\t1",
        f"2\t{second}\t0\t7\t2",
        f"3\t{second}\t7\t2\t1",
    ]
    assert run.output().decode().splitlines() == table
    assert run.stderr() == "" and not output.exists()
    case.assert_no_files_left()
    run = case.run("fanfold-ventilator", "--dry-run", "--header", ":", stdin=b"head\n1\n22\n")
    assert run.output() == b"seq\toffset\tlength\trecords\n0\t5\t5\t2\n"


def test_a_dry_run_cuts_as_a_run_does_and_finds_the_same_errors(case):
    text = case.text(2 * MIB)
    options = ["--block", "100K", "-i", text]
    rows = run_over(case, "--dry-run", *options).output().decode().splitlines()[2:]
    lengths = run_over(case, *options, "-j2", command=["--", "wc", "-c"]).output().split()
    assert [int(row.split("\t")[2]) for row in rows] == [int(length) for length in lengths]
    path = case.file("cut", compress("gzip", text.read_bytes())[:-1])
    run = run_over(case, "--dry-run", "-i", path, status=4)
    assert f"cannot decompress {path}" in run.stderr() and run.output().count(b"\n") > 2
    refused(case, ["--dry-run", "--resume", "-o", case.path("out"), "-i", text, *UPPER], 2, "exclude each other")
