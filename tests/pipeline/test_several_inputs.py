# SPDX-License-Identifier: MIT
"""Several inputs are one, read one after the other."""

from input_files import SMALL, UPPER, inputs, lines, run_over
from resuming import refused


def test_files_are_read_one_after_the_other(case):
    parts = [lines(0, 5000), b"", b"no end", lines(9000, 3000), b"x\n"]
    paths = [case.file(f"part{number}", part) for number, part in enumerate(parts)]
    for options in (["-j3"], [*SMALL, "-N", "7"], SMALL):
        run = run_over(case, *options, *inputs(*paths))
        expected = b"".join(parts).replace(b"no end", b"no end\n").upper()
        assert run.output() == expected, options
        run.stdout.unlink()


def test_a_chunk_lies_in_one_file_and_standard_input_may_be_among_them(case):
    first, second = case.file("first", b"1\n2\n3\n"), case.file("second", b"4\n5")
    run = run_over(
        case, "-N2", "-j1", *inputs(first, "-", second), command=["--", "sh", "-c", "tr '\\n' ,; echo"], stdin=b"a\nb\nc\n"
    )
    assert run.output() == b"1,2,\n3,\na,b,\nc,\n4,5\n"


def test_as_whole_files_each_gives_a_result(case):
    parts = [b"one\ntwo", b"", lines(0, 200000), b"\n"]
    paths = [case.file(f"part{number}", part) for number, part in enumerate(parts)]
    run = run_over(case, "--whole-files", "-j2", *inputs(*paths), command=["--", "wc", "-c"])
    assert [int(line) for line in run.output().split()] == [len(part) for part in parts]
    refused(case, ["--whole-files", "--max-record", "1M", *inputs(*paths), *UPPER], 4, "is longer than 1048576 bytes")


def test_more_files_than_are_kept_open(case):
    paths = [case.file(f"part{number}", b"%d\n" % number) for number in range(200)]
    run = run_over(case, "-j2", *inputs(*paths), command=["--", "cat"])
    assert run.output() == b"".join(b"%d\n" % number for number in range(200))


def test_a_chunk_of_an_earlier_file_is_read_again_when_its_worker_fails(case):
    paths = [case.file(f"part{number}", b"%d\n" % number) for number in range(80)]
    script = """
    [ "$FANFOLD_SEQ.$FANFOLD_ATTEMPT" != 0.1 ] || { : <gate; exit 1; }
    [ "$FANFOLD_SEQ" -lt 79 ] || : >last
    cat
    """
    gate = case.gate()
    run = case.start("fanfold", "-j2", *inputs(*paths), "--", "sh", "-c", script)
    case.wait_for(case.path("last").exists, "the last file to be read")
    gate.open()
    run.expect(0)
    assert run.output() == b"".join(b"%d\n" % number for number in range(80))
    assert "1 retry" in run.stderr(), "nothing was read again"


def test_an_input_is_no_output_and_comes_once_if_it_is_standard_input(case):
    first, second = case.file("first", b"1\n"), case.file("second", b"2\n")
    refused(case, [*inputs(first, second), "-o", second, *UPPER], 2, "the output is the input")
    assert second.read_bytes() == b"2\n"
    refused(case, [*inputs("-", "-"), *UPPER], 2, "standard input only once")
    refused(case, [*inputs(""), *UPPER], 2, "-i: .*expected the name of a file")
    refused(case, [*inputs(first, "/nowhere/x"), *UPPER], 4, "cannot read /nowhere/x: No such file")


def test_a_directory_of_more_than_a_million_dead_letters_is_read_in_the_order_of_their_numbers(case):
    letters = case.path("letters")
    letters.mkdir()
    for number, name in enumerate(["000002", "999999", "a1000000", "a9999999", "b10000000"]):
        (letters / f"{name}.input").write_bytes(b"%d\n" % number)
        (letters / f"{name}.json").write_bytes(b"{}")
    run = case.run("fanfold", "--quiet", "-i", letters, "--", "cat")
    assert run.status == 0 and run.output() == b"0\n1\n2\n3\n4\n", run.stderr()
