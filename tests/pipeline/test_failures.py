# SPDX-License-Identifier: MIT
"""Chunks that fail: tried again, given up, taken apart until their bad records are found;
and nothing else of the input is lost.

`pytest test_failures.py --full -k million` finds 7 bad records in a million.
"""

import contextlib
import os
import re
from pathlib import Path

import pytest
from dead_letters import Records, check_lone_records, misbehaving_program, misbehaving_plugin, read_dead_letters, records_of
from harness import SLOWNESS
from resuming import Resumption, journal_path, position_of, read_journal, refused, seqs_of, size_of

LIMIT = 1.0 * SLOWNESS  # seconds that a program may take which takes none

BAD_WORDS = ["!abort", "!hang", "!memory", "!exit 1", "!exit 2", "!exit 3", "!exit 200"]

# Fails while there is the file `broken`, with one chunk.
BROKEN = """
echo "begin $FANFOLD_SEQ" >>"$NOTES"
if [ "$FANFOLD_SEQ" = 5 ] && [ -e broken ]; then
    echo "no license
for this" >&2
    exit 7
fi
tr a-z A-Z
"""

# Fails $FAILS times, with each of its chunks.
FAILS_AT_FIRST = """
echo "begin $FANFOLD_SEQ" >>"$NOTES"
[ "$FANFOLD_ATTEMPT" -gt "$FAILS" ] || exit 9
tr a-z A-Z
"""


def numbered(count):
    return b"".join(b"line number %d\n" % number for number in range(1, count + 1))


# ---- attempts ----


def test_a_chunk_has_so_many_attempts(case):
    for retries, fails, status in [(3, 2, 0), (3, 3, 3), (1, 1, 3), (0, 5, 0)]:
        name = f"{retries}-{fails}"
        env = {"NOTES": str(case.path(name)), "FAILS": str(fails)}
        words = ["--retries", retries, "-N1", "-j2", "-o", name + ".out", "--", "sh", "-c", FAILS_AT_FIRST]
        run = case.run("fanfold", *words, stdin=b"a\nb\n", env=env)
        assert run.status == status, (name, run.status)
        begun = seqs_of(case.path(name), "begin")
        if status == 0:
            assert case.path(name + ".out").read_bytes() == b"A\nB\n"
            assert sorted(begun) == sorted([0, 1] * (fails + 1)), (name, begun)
        else:
            assert max(begun.count(0), begun.count(1)) == retries, (name, begun)


# ---- time limits ----

# Hangs, and so does its child, until it is tried again.
HANGS_AT_FIRST = """
echo "begin $FANFOLD_SEQ" >>"$NOTES"
if [ "$FANFOLD_SEQ" = 5 ] && mkdir "$NOTES-hung" 2>/dev/null; then
    sleep 1000 | cat
fi
sleep 0.05
tr a-z A-Z
"""


def ends_what_hangs(case, limit):
    lines = numbered(12)
    words = ["--timeout", limit, "-N1", "-j2", "--", "sh", "-c", HANGS_AT_FIRST]
    run = case.run("fanfold", *words, stdin=lines, env={"NOTES": str(case.path("notes"))})
    assert run.status == 0 and run.output() == lines.upper(), run.status
    begun = sorted(seqs_of(case.path("notes"), "begin"))
    assert begun == sorted([*range(12), 5]), begun
    case.assert_no_leftovers()


def test_an_attempt_that_takes_too_long_is_ended_with_all_that_it_started(case):
    ends_what_hangs(case, f"{LIMIT}s")


def test_an_attempt_may_take_so_much_of_the_median(case):
    ends_what_hangs(case, f"{int(2000 * SLOWNESS)}%")


def test_a_program_that_ignores_the_end_of_its_time_is_killed(case):
    script = "trap '' TERM; sleep 1000 & sleep 1000"
    words = ["--timeout", "0.2", "--retries", 1, "--", "sh", "-c", script]
    refused(case, words, 3, r"^fanfold-ventilator: chunk 0 \(bytes 0-1, records? 1.*\) failed .*longer", stdin=b"a\n")


# ---- stop ----


def test_a_chunk_that_fails_for_good_stops_the_run_which_resumes_once_that_is_repaired(case):
    text = case.file("text", numbered(100))
    run = Resumption(case, text, "-N10", "-j2", script=BROKEN)
    case.path("broken").touch()
    process = run.start()
    process.expect(3)
    lines = process.stderr().splitlines()
    first = len(numbered(50))
    last = len(numbered(60)) - 1
    pattern = (
        rf"^fanfold-ventilator: chunk 5 \(bytes {first}-{last}, records 51-60\) failed for good after 3 attempts: "
        r'exit status 7; it said: "for this"$'
    )
    at = [bool(re.search(pattern, line)) for line in lines].index(True)
    assert lines[at + 1][:4] == "    " and lines[at + 1].endswith("no license"), lines
    assert lines[at + 2] == "    for this", lines
    assert any("--resume" in line for line in lines), "how to go on is not said"
    case.assert_no_leftovers()
    journal = read_journal(run.output)  # what ran beside the chunk that failed may have been late
    assert 0 < journal.next <= 5, journal
    assert journal.offset == size_of(run.output) == len(numbered(10 * journal.next)), journal
    run.start("--resume").expect(3)  # as long as it is not repaired
    position = position_of(run.output)
    assert journal.next <= position <= 5, position
    case.path("broken").unlink()
    run.complete()
    assert sorted(run.begun()) == list(range(position, 10))
    assert position > journal.next or "--resume" not in run.legs[1][0].stderr(), "the same would fail again"


# ---- skip ----


def letters_of(case, name="output"):
    return read_dead_letters(case.path(f"{name}.dead-letters"))


def test_a_chunk_that_is_skipped_is_a_dead_letter_and_the_rest_in_place(case):
    records = Records(case, 100, {25: "!exit 3", 77: "!abort"})
    words = ["--on-error", "skip", "-N10", "-j2", "-i", records.path, "-o", case.path("output"), *misbehaving_program()]
    run = case.run("fanfold", *words)
    assert run.status == 1, run.status
    data = [records.record(number) for number in range(1, 101)]
    expected = b"".join(data[:20] + data[30:70] + data[80:]).upper()
    assert case.path("output").read_bytes() == expected
    assert not journal_path(case.path("output")).exists()
    letters = letters_of(case)
    assert [letter.bytes for letter in letters] == [b"".join(data[20:30]), b"".join(data[70:80])]
    for letter, seq in zip(letters, (2, 7)):
        about = letter.about
        assert about["seq"] == seq and about["attempts"] == 3, about
        assert records_of(letter) == (seq * 10 + 1, seq * 10 + 10), about
        assert about["offset"] == len(b"".join(data[: seq * 10])), about
        assert about["length"] == len(letter.bytes), about
    assert "!exit 3" in letters[0].about["stderr"] and letters[0].about["code"] == 3, letters[0]
    assert "about to abort" in letters[1].about["stderr"] and letters[1].about["code"] == 6, letters[1]
    print(run.stderr(), *(letter.about for letter in letters), sep="\n")


def test_the_summary_counts_each_chunk_with_dead_letters(case):
    words = ["--on-error", "isolate", "--retries", 1, "-N2", "-o", case.path("output")]
    run = case.run("fanfold", *words, "--", "sh", "-c", "cat; exit 1", stdin=numbered(5))
    run.expect(1)
    assert ", 3 chunks with dead letters" in run.stderr(), run.stderr()
    assert len(letters_of(case)) == 5


def test_dead_letters_go_where_they_are_told_to_and_never_among_others(case):
    records = Records(case, 20, {5: "!exit 3"})
    words = ["--on-error", "skip", "-N1", "--dead-letters", case.path("dead"), "-i", records.path, *misbehaving_program()]
    run = case.run("fanfold", *words)
    run.expect(1)
    case.assert_same(run.stdout, records.good)
    check_lone_records(read_dead_letters(case.path("dead")), records)
    before = sorted((path.name, path.read_bytes()) for path in case.path("dead").iterdir())
    refused(case, words, 2, "^fanfold-sink: .*dead")
    assert before == sorted((path.name, path.read_bytes()) for path in case.path("dead").iterdir())
    case.run("fanfold", *words[:3], "-i", records.path, *misbehaving_program()).expect(1)
    check_lone_records(read_dead_letters(case.path("fanfold.dead-letters")), records)


def test_dead_letters_are_run_again_by_the_command_that_is_said(case):
    records = Records(case, 100, {25: "!exit 3", 30: "!exit 3", 77: "!exit 4"})
    words = ["--on-error", "isolate", "-N10", "-j2", "-i", records.path, "-o", case.path("output"), *misbehaving_program()]
    run = case.run("fanfold", *words)
    assert run.status == 1, run.status
    case.assert_same(case.path("output"), records.good)
    said = re.search(r"again: (fanfold -i \S+.*?) \.\.\. -- COMMAND", run.stderr())
    assert said, "the command is not said"
    again = case.shell(f"{said[1]} -- tr a-z A-Z")
    again.expect(0)
    assert again.output() == b"".join(records.record(number) for number in sorted(records.bad)).upper()
    run = case.run("fanfold", *words[:4], "-i", records.path, *misbehaving_program())  # to standard output
    run.expect(1)
    said = re.search(r"again: (fanfold -i \S+.*?) \.\.\. -- COMMAND", run.stderr())
    again = case.shell(said[1] + " -- tr a-z A-Z")
    again.expect(0)
    assert again.output() == b"".join(records.record(number) for number in sorted(records.bad)).upper()


def test_dead_letters_are_run_again_by_the_line_as_it_is(case):
    """Once the cause is mended: with the options and the command of the run, for a shell to read."""
    case.file("lines", b"".join(b"%d\n" % number for number in range(100)))
    program = """while read n; do
        case $n in 7|77) [ -e mended ] || exit 3;; esac
        echo "it's $n	é $(ulimit -n)"
    done"""
    for name, output, options in (
        ("a file", ["-o", "it's out"], ["-N10", "--retries", "1", "--joblog", "log"]),
        ("standard output", [], ["-j1", "--block", "64", "--retries", "1", "--min-workers", "1", "--progress"]),
    ):
        case.path("mended").unlink(missing_ok=True)
        words = ["--on-error", "isolate", *options, "-i", "lines", *output, "--", "sh", "-c", program]
        run = case.run("fanfold", *words)
        run.expect(1)
        before = case.path("log").read_bytes()
        said = re.search(r"^fanfold-sink: with the options and the command of this run: ((?:.|\n)*?done'\n)", run.stderr(), re.M)
        assert said, (name, run.stderr())
        case.file("mended", b"")
        again = case.shell(said[1])
        again.expect(0)
        assert re.fullmatch(r"it's 7\té \d+\nit's 77\té \d+\n", again.output().decode()), (name, again.output())
        assert case.path("log").read_bytes() == before


@pytest.mark.parametrize("options", [["--port-range", "20000-20500"], ["--interface", "lo"]], ids=" ".join)
def test_the_line_that_runs_dead_letters_again_has_no_option_of_ports_that_it_does_not_open(case, options):
    words = ["--tasks", "tcp://*:*", *options, "--on-error", "skip", "--retries", "1"]
    run = case.run("fanfold", *words, "--", "sh", "-c", "[ -e mended ] && cat", stdin=b"1\n")
    run.expect(1)
    said = re.search(r"^fanfold-sink: with the options and the command of this run: (.*)$", run.stderr(), re.M)
    assert said, run.stderr()
    case.file("mended", b"")
    again = case.shell(said[1])
    again.expect(0)
    assert again.output() == b"1\n"


def test_the_line_that_runs_dead_letters_again_names_no_command_that_it_cannot_show(case):
    """Bytes that a line on standard error spells, and a command that it would cut off."""
    for word in ("\x1b[1m", "x" * 20000):
        run = case.run("fanfold", "--on-error", "skip", "--retries", "1", "-o", "out", "--", "sh", "-c", "exit 3", word, stdin=b"1\n")
        run.expect(1)
        assert "again: fanfold -i out.dead-letters ... -- COMMAND\n" in run.stderr(), run.stderr()
        assert "the command of this run" not in run.stderr(), run.stderr()
        case.shell("rm -r out*").expect(0)


def test_dead_letters_are_run_again_as_records_of_the_same_kind(case):
    """The command that is said finds the records of the run, whatever ends one."""
    kinds = [
        (["-0"], [b"a\nb\0", b"bad\0", b"c\0", b"worse bad\0"]),
        (["--recend", r"''\n\\"], [b"a''\n\\", b"bad''\n\\", b"b''\n\\"]),
        (["--regexp", "--recstart", r"^\d+'? "], [b"1 a\n", b"20' bad\n\n", b"3 b\n", b"4 bad\n"]),
        (["--format", "csv"], [b'a,"\n"\n', b'bad,"\nbad"\n', b"b,\n", b"bad,\n"]),
        (["--format", "fastq"], [b"@1\nA\n+\nI\n", b"@bad\nA\n+\nI\n"]),
        (["--fixed", "4"], [b"1234", b"bad\n", b"5678", b"\nbad"]),
    ]
    for number, (options, records) in enumerate(kinds):
        name = f"out{number}"
        words = ["--on-error", "isolate", "--retries", "1", *options, "-o", name]
        command = ["sh", "-c", 'cat >"part$FANFOLD_SEQ"; ! grep -qa bad "part$FANFOLD_SEQ" && cat "part$FANFOLD_SEQ"']
        run = case.run("fanfold", *words, "--", *command, stdin=b"".join(records))
        run.expect(1)
        assert case.path(name).read_bytes() == b"".join(record for record in records if b"bad" not in record), options
        said = re.search(r"to run them again: (.*?) \.\.\. -- COMMAND", run.stderr())
        again = case.shell(f"{said[1]} -N1 -- sh -c 'cat; printf \"|\"'")
        again.expect(0)
        bad = [record for record in records if b"bad" in record]
        assert again.output() == b"".join(record + b"|" for record in bad), (options, again.output())


def test_dead_letters_of_a_run_to_standard_output_stand_in_no_later_run_s_way(case):
    records = Records(case, 100, {25: "!exit 3", 77: "!exit 4"})
    case.run("fanfold", "--on-error", "skip", "-N1", "-i", records.path, *misbehaving_program()).expect(1)
    assert len(read_dead_letters(case.path("fanfold.dead-letters"))) == 2
    again = case.shell("fanfold -i fanfold.dead-letters -- tr a-z A-Z")
    again.expect(0)
    assert again.output() == b"".join(records.record(number) for number in sorted(records.bad)).upper()
    refused(case, ["--on-error", "skip", "-i", records.path, *misbehaving_program()], 2, "^fanfold-sink: .*dead")


def test_a_dead_letter_names_which_of_several_inputs_it_is_of(case):
    first, second = (Records(case, 20, {7: "!exit 3"}, name) for name in ("first", "second"))
    for mode, records in (("skip", [1, 21]), ("isolate", [7, 27])):
        output = case.path(mode)
        inputs = ["-i", first.path, "-i", second.path]
        case.run("fanfold", "--on-error", mode, "-j2", "-o", output, *inputs, *misbehaving_program()).expect(1)
        letters = read_dead_letters(f"{output}.dead-letters")
        assert [letter.about["input"] for letter in letters] == [str(first.path), str(second.path)]
        assert [letter.about.get("first_record", letter.about.get("record")) for letter in letters] == records
        places = [(letter.about["offset"], letter.about["length"]) for letter in letters]
        for letter, (offset, length) in zip(letters, places):
            assert Path(letter.about["input"]).read_bytes()[offset : offset + length] == letter.bytes
    alone = case.run("fanfold", "--on-error", "skip", "-o", case.path("alone"), "-i", first.path, *misbehaving_program())
    alone.expect(1)
    assert "input" not in read_dead_letters(case.path("alone.dead-letters"))[0].about


# ---- isolate ----


def isolate(case, records, program, *options, deadline=60.0):
    words = ["--on-error", "isolate", "-j2", "--log-level", "info", *options]
    words += ["-i", records.path, "-o", case.path("output"), *program]
    run = case.run("fanfold", *words, deadline=deadline)
    assert run.status == 1, run.status
    case.assert_same(case.path("output"), records.good)
    assert not journal_path(case.path("output")).exists()
    case.assert_no_leftovers()
    letters = letters_of(case)
    check_lone_records(letters, records)
    return run, letters


def check_reasons(letters, words):
    """What is known of how each of them failed."""
    for letter, word in zip(letters, words):
        about = letter.about
        if word.startswith("!exit"):
            assert about["code"] == int(word.split()[1]), (word, about)
        if word == "!abort":
            assert about["code"] == 6 and "about to abort" in about["stderr"], (word, about)
        if word == "!memory":
            assert "out of memory" in about["stderr"], (word, about)
        print(f"{word}: {about}")


def isolates_seven(case, program, count, *options, deadline=120.0):
    """The bad ones are spread, two of them neighbours, one the last."""
    numbers = [7, count // 5, count // 5 + 1, count // 3, count // 2 + 3, count * 3 // 4, count]
    records = Records(case, count, dict(zip(numbers, BAD_WORDS)))
    _, letters = isolate(case, records, program, *options, deadline=deadline)
    check_reasons(letters, BAD_WORDS)


# The time limit is the longer one: only !hang is to meet it, however busy the machine is.
SMALL = ["--retries", 2, "--timeout", 3 * LIMIT, "-N", 8]


def test_seven_bad_records_are_found_by_a_filter(case):
    isolates_seven(case, misbehaving_program(), 2000, *SMALL)


def test_seven_bad_records_are_found_by_a_plugin(case):
    isolates_seven(case, misbehaving_plugin(), 2000, *SMALL)


@pytest.mark.full
@pytest.mark.deadline(900)
def test_seven_bad_records_of_a_million(case):
    isolates_seven(case, misbehaving_program(), 1000000, "--timeout", 5, deadline=900)


@pytest.mark.full
@pytest.mark.deadline(900)
def test_seven_bad_records_of_a_million_by_a_plugin(case):
    isolates_seven(case, misbehaving_plugin(), 1000000, "--timeout", 5, deadline=900)


def test_a_chunk_of_bad_records_alone_has_no_result(case):
    records = Records(case, 24, {number: f"!exit {number}" for number in range(9, 17)})
    isolate(case, records, misbehaving_plugin(), "-N", 8, "--retries", 1)


def test_a_record_that_takes_the_whole_worker_down_is_found_and_left_out(case):
    for program in (misbehaving_program(), misbehaving_plugin()):
        records = Records(case, 20, {6: "!worker", 8: "!exit 5"})
        run, _ = isolate(case, records, program, "-N", 4, "--liveness", 1, "--retries", 1)
        print(run.stderr())
        for path in (case.path("output"), *case.path("output.dead-letters").iterdir()):
            path.unlink()


def test_an_isolating_run_that_is_interrupted_counts_its_letters_once(case):
    """Letters of what was not committed are written again when it goes on."""
    records = Records(case, 400, {number: "!exit 1" for number in range(10, 400, 10)})
    output = case.path("output")
    words = ["--on-error", "isolate", "--retries", 1, "-j2", "-N", 4, "-o", output, "-i", records.path]
    for kills in range(3):
        run = case.start("fanfold", "--resume", *words, *misbehaving_program())
        target = (kills + 1) * size_of(records.good) // 5
        case.wait_for(lambda run=run, target=target: size_of(output) > target or not run.running(), "some output")
        assert run.running(), run.stderr()
        for pid in list(case.leftovers()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        case.assert_no_leftovers()
    case.run("fanfold", "--resume", *words, *misbehaving_program()).expect(1)
    case.assert_same(output, records.good)
    check_lone_records(letters_of(case), records)


# ---- halt ----


def halted(case, when, records, *options):
    """A run that stops after too many; resumed without that, it has all."""
    output = case.path(f"output-{when}")
    words = ["--on-error", "skip", "--retries", 1, "-N1", "-j1", "-o", output, "-i", records.path]
    run = case.run("fanfold", "--halt", when, *words, *options, *misbehaving_program())
    assert run.status == 3, (when, run.status)
    said = [line for line in run.stderr().splitlines() if "--halt says to stop" in line]
    assert len(said) == 1, run.stderr()
    released = position_of(output)
    assert 0 < released < records.count, (when, released)
    case.run("fanfold", "--resume", *words, *misbehaving_program()).expect(1)
    case.assert_same(output, records.good)
    check_lone_records(read_dead_letters(f"{output}.dead-letters"), records)
    return released


def test_a_run_is_halted_after_so_many_failures(case):
    records = Records(case, 300, {number: "!exit 1" for number in range(20, 300, 20)})
    for when in ("soon,fail=3", "now,fail=3"):
        released = halted(case, when, records)
        print(f"{when}: {released} chunks were released")
    records = Records(case, 300, {number: "!exit 1" for number in range(150, 300, 2)}, "late")
    released = halted(case, "soon,fail=5%", records)
    assert released > 150, released
    print(f"soon,fail=5%: {released} chunks were released")


def test_a_process_that_a_plugin_forked_answers_nothing(case):
    records = Records(case, 200, {number: "!fork" for number in range(1, 200, 7)})
    run = case.run("fanfold", "--quiet", "-j2", "-N1", "-i", records.path, "-o", "out", *misbehaving_plugin())
    run.expect(0)
    assert case.path("out").read_bytes() == records.path.read_bytes().upper()
    assert run.stderr() == ""
