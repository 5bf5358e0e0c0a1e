# SPDX-License-Identifier: MIT
"""Where one input ends and another begins: two records never become one, and text that cannot
be cut into records is refused."""

import json
import re
import shlex

import pytest
from input_files import inputs, run_over

MARK = b"\xef\xbb\xbf"
# Format, its options, two inputs, and what a program that changes nothing makes of both.
SEAMS = {
    "lines": ([], b"1\n2", b"3\n4", b"1\n2\n3\n4"),
    "lines that end with returns": ([], b"1\r\n2", b"3\r\n", b"1\r\n2\r\n3\r\n"),
    "several lines": (["-L2"], b"1\n2\n3", b"4\n5\n", b"1\n2\n3\n4\n5\n"),
    "nul": (["-0"], b"1\0002", b"3\0", b"1\0002\0003\0"),
    "recend": (["--recend", "\\n\\n"], b"1\n\n2\n", b"3\n\n", b"1\n\n2\n\n3\n\n"),
    "csv": (["--format", "csv"], b'1,"a\nb"\n2,b', b"3,c\n", b'1,"a\nb"\n2,b\n3,c\n'),
    "csv with a header": (
        ["--format", "csv", "--header", ":", "--header-out", "1"],
        b"id,n\r\n1,a",
        b"id,n\r\n2,b\r\n",
        b"id,n\r\n1,a\r\n2,b\r\n",
    ),
    "fasta": (["--format", "fasta"], b">1\nAC\n>2\nGT", b">3\nA\n", b">1\nAC\n>2\nGT\n>3\nA\n"),
    "fastq": (["--format", "fastq"], b"@1\nAC\n+\nII", b"@2\nA\n+\nI\n", b"@1\nAC\n+\nII\n@2\nA\n+\nI\n"),
    "recstart": (["--recstart", ">"], b">1\n>2", b">3\n", b">1\n>2\n>3\n"),
    "both": (["--recstart", "<", "--recend", ">"], b"<1><2", b"<3>", b"<1><2><3>"),
    "regexp": (["--regexp", "--recstart", "^[0-9]"], b"1 a\n b\n2 c", b"3\n", b"1 a\n b\n2 c\n3\n"),
    "fixed": (["--fixed", "2"], b"1122", b"33", b"112233"),
    "frames": (["--format", "frames"], b"\0\0\0\1a", b"\0\0\0\1b", b"\0\0\0\1a\0\0\0\1b"),
    "whole": (["--format", "whole"], b"1", b"2\n", b"12\n"),
}
REFUSED = {
    "csv": (["--format", "csv"], b'1,a\n2,"b', "a quote is never closed, and another input follows"),
    "fixed": (["--fixed", "2"], b"112", "is shorter than --fixed says, and another input follows"),
    "regexp": (["--regexp", "--recend", ";"], b"1;2", "has no end as --recend says, and another input follows"),
    "fastq": (["--format", "fastq"], b"@0\nA\n+\nI\n@1\nAC\n+\nI", "is cut short: its quality ends"),
    "frames": (["--format", "frames"], b"\0\0\0\1a\0\0\0\2b", "is cut short: a frame of"),
}


def pair(case, first, second):
    return inputs(case.file("first", first), case.file("second", second))


def test_the_records_of_two_inputs_stay_apart_in_every_format(case):
    for what, (options, first, second, expected) in SEAMS.items():
        for more in (["-j2"], ["-j1", "-N1"]):
            if what == "whole" and "-N1" in more:
                continue
            run = run_over(case, *options, *more, *pair(case, first, second), command=["--", "cat"])
            assert run.output() == expected, (what, more, run.output())
        alone = run_over(case, *options, "-j1", "-i", case.file("alone", second), command=["--", "cat"])
        assert alone.output() == second, f"{what}: the last input is not as it was"


def test_a_record_that_nobody_can_end_is_refused_and_what_came_before_is_written(case):
    for what, (options, first, said) in REFUSED.items():
        second = SEAMS[what][2]
        output = case.path(f"out-{what}")
        run = run_over(case, *options, *pair(case, first, second), "-o", output, command=["--", "cat"], status=4)
        assert re.search(rf"{case.path('first')}: record 2 at byte \d+ .*{said}", run.stderr()), run.stderr()
        assert first.startswith(output.read_bytes()) and len(output.read_bytes()) > 1
        again = ["--resume", *options, *pair(case, first, second), "-o", output]
        assert said in run_over(case, *again, command=["--", "cat"], status=4).stderr(), "resuming passes it"


def test_answers_of_every_kind_of_program_stay_apart(case):
    """A line of the first input must be a line of the output, whoever reads it."""
    words = pair(case, b"1\n2", b"3\n4")
    frames = case.file(
        "frames.py",
        b"import fanfold\nfanfold.serve_records(lambda record, _: record, lambda: None)\n",
    )
    for more, command in (
        ([], ["cat"]),
        (["--shell"], ["cat"]),
        (["--mode", "lines"], ["sed", "-u", "s/x/x/"]),
        (["--mode", "frames"], ["/usr/bin/python3", str(frames)]),
    ):
        run = run_over(case, "-j2", *more, *words, command=["--", *command])
        assert run.output().removesuffix(b"\n") == b"1\n2\n3\n4", (more, run.output())


def test_a_chunk_at_the_seam_is_read_again_as_it_was(case):
    script = "[ $FANFOLD_ATTEMPT != 1 ] || exit 3; cat"
    run = run_over(case, "-j1", *pair(case, b"1\n2", b"3\n"), command=["--", "sh", "-c", script])
    assert run.output() == b"1\n2\n3\n"


def test_a_dead_letter_at_the_seam_says_where_it_was(case):
    words = ["--on-error", "isolate", "--retries", "1", *pair(case, b"1\nbad", b"3\n"), "-o", case.path("out")]
    run_over(case, *words, command=["--", "sh", "-c", "! grep bad"], status=1)
    letters = case.path("out.dead-letters")
    assert (letters / "000001.input").read_bytes() == b"bad\n"
    about = json.loads((letters / "000001.json").read_text(encoding="utf-8"))
    assert (about["offset"], about["length"], about["record"]) == (2, 4, 2)


def rerun(case, run, command):
    said = re.search(r"to run them again: (.*?) \.\.\. -- COMMAND", run.stderr())
    assert said, run.stderr()
    again = case.shell(f"{said[1]} --quiet -- {command}")
    assert again.status == 0, again.stderr()
    return again.output()


def test_dead_letters_that_are_run_again_stay_apart(case):
    """Without order the one that lacks its end may come first."""
    script = "[ $FANFOLD_SEQ != 0 ] || : <gate; exit 3"
    gate = case.gate()
    words = ["--on-error", "skip", "--retries", "1", "-N1", "-j2", "--unordered", "-L2", "-o", case.path("out")]
    run = case.start("fanfold", *words, "--", "sh", "-c", script, stdin=b"1\n2\n3")
    case.wait_for((case.path("out.dead-letters") / "000001.json").exists, "the first dead letter")
    gate.open()
    run.expect(1)
    assert [path.read_bytes() for path in sorted(case.path("out.dead-letters").glob("*.input"))] == [b"3", b"1\n2\n"]
    output = rerun(case, run, "sh -c 'printf \"<\"; cat; printf \">\"'")
    assert output in (b"<3\n><1\n2\n>", b"<1\n2\n><3\n>"), output  # it is --unordered, too


def test_dead_letters_that_are_compressed_reach_the_program_as_they_are(case):
    parts = [b"\x1f\x8b\x08 only begins so", b"\x28\xb5\x2f\xfd"]
    words = ["--no-decompress", "--whole-files", "--on-error", "skip", "--retries", "1"]
    run = run_over(case, *words, *pair(case, *parts), "-o", case.path("out"), command=["--", "false"], status=1)
    assert rerun(case, run, "cat") == b"".join(parts)
    assert rerun(case, run, "sh -c 'cat; printf ,'") == b"".join(part + b"," for part in parts)


# ---- byte order marks, and other encodings ----

MARKED = {
    "csv": (["--format", "csv"], b'"a\nb",1\n', b"2,c\n"),
    "fasta": (["--format", "fasta"], b">1\nAC\n", b">2\nGT\n"),
    "fastq": (["--format", "fastq"], b"@1\nAC\n+\nII\n", b"@2\nA\n+\nI\n"),
    "recstart": (["--recstart", ">"], b">1\n", b">2\n"),
    "regexp": (["--regexp", "--recstart", "^>"], b">1\n", b">2\n"),
}


def sizes_of(case, *words, **more):
    run = case.run("fanfold-ventilator", "--dry-run", "-N1", *words, **more)
    run.expect(0)
    return [int(line.split(b"\t")[-2]) for line in run.output().splitlines()[1:]]


@pytest.mark.parametrize("what", MARKED)
def test_a_byte_order_mark_neither_parts_nor_merges_records(case, what):
    options, one, two = MARKED[what]
    text = MARK + one + two
    path = case.file("in", text)
    assert sizes_of(case, *options, "-i", path) == [len(MARK + one), len(two)]
    assert sizes_of(case, *options, stdin=text) == [len(MARK + one), len(two)]
    run = run_over(case, *options, "-N1", "-i", path, command=["--", "cat"])
    assert run.output() == text
    words = inputs(path, case.file("other", MARK + two + one))
    run = run_over(case, *options, "-N1", *words, command=["--", "cat"])
    assert run.output() == text + two + one, "the mark of the second input is in the output"


def test_headers_are_the_same_with_a_byte_order_mark_and_without(case):
    words = ["--format", "csv", "--header", ":", "--header-out", "1", "-j1"]
    for first, second in ((MARK, b""), (b"", MARK), (MARK, MARK)):
        run = run_over(case, *words, *pair(case, first + b"h\n1\n", second + b"h\n2\n"), command=["--", "cat"])
        assert run.output() == first + b"h\n1\n2\n"


def test_text_that_is_not_utf_8_is_refused_with_the_way_out(case):
    text = 'key,"a\nb"\n1,2\n3,\u4e0a\n' * 5
    for encoding, name in (("utf-16", "UTF-16"), ("utf-32", "UTF-32")):
        data = text.encode(encoding)
        for options in ([], ["-L2"], ["--header", ":"], *(row[0] for row in MARKED.values())):
            path = case.file("in", data)
            for words, stdin in ((["-i", path], None), ([], data)):
                run = case.run("fanfold-ventilator", "--dry-run", *options, *words, stdin=stdin)
                run.expect(4)
                way = f"iconv -f {name} -t UTF-8"
                assert f"text in {name}" in run.stderr() and way in run.stderr(), run.stderr()
    said = re.search(r"(iconv .* \| fanfold) \.\.\.", run_over(case, "-i", path, status=4).stderr())
    again = case.shell(f"{said[1]} --format csv -- cat")
    again.expect(0)
    assert again.output().decode("utf-8").lstrip("\ufeff") == text


def test_utf_16_without_a_mark_is_refused_where_it_is_sure(case):
    for encoding, name in (("utf-16-le", "UTF-16LE"), ("utf-16-be", "UTF-16BE")):
        run = case.run("fanfold-ventilator", "--dry-run", stdin=("a line of text\n" * 3).encode(encoding))
        run.expect(4)
        assert f"iconv -f {name} -t UTF-8" in run.stderr()


def test_bytes_that_are_no_text_are_cut_as_they_are(case):
    data = "one\ntwo\n".encode("utf-16")
    for options in (["--format", "whole"], ["--fixed", "2"], ["--recend", "\\n\\0"], ["-0"]):
        run = run_over(case, *options, stdin=data, command=["--", "cat"])
        assert run.output() == data, options
    shifted = case.file("in", MARK + b"1122")
    run = run_over(case, "--fixed", "4", "-i", shifted, command=["--", "cat"], status=4)
    assert "begins with a byte order mark" in run.stderr()
    assert shlex.split(re.search(r"tail -c \+4 \S+", run.stderr())[0]) == ["tail", "-c", "+4", str(shifted)]
