# SPDX-License-Identifier: MIT
"""The input's header goes to every chunk, and a header of each result is in the output once:
what comes out is what one process makes of the whole input, however the run went."""

import random
import re

import pytest
from dead_letters import read_dead_letters
from harness import build_directory
from resuming import (
    Resumption,
    kill_everything,
    journal_path,
    refused,
    size_of,
)

# A program that reads no header and writes one of two lines, as `ps` or `df` do.
TITLED = 'printf "TITLE\\n=====\\n"; tr a-z A-Z'
TITLE = b"TITLE\n=====\n"

ECHO = build_directory() / "worker/examples/echo.so"

# The titled one again; tasks from $HELD on stop at $GATE.
HELD = """
echo "begin $FANFOLD_SEQ" >>"$NOTES"
[ "$FANFOLD_SEQ" -lt "$HELD" ] || : <"$GATE"
""" + TITLED

# A record-wise program over a table: it reads a header of one line and writes one of one line.
SUMS = 'BEGIN { FS = OFS = "," } NR == 1 { print $1, "sum"; next } { print $1, $2 + $3 }'

# The same, but it cannot stand a name with "bad" in it.
PICKY = 'BEGIN { FS = OFS = "," } NR == 1 { print $1, "sum"; next } /bad/ { exit 3 } { print $1, $2 + $3 }'


def table(rows, bad=()):
    names = (f"bad{n}" if n in bad else f"name{n}" for n in range(rows))
    return b"name,a,b\n" + b"".join(b"%s,%d,%d\n" % (name.encode(), n, 2 * n) for n, name in enumerate(names))


def sums_of(case, path):
    """What one process makes of it."""
    return case.run("awk", SUMS, stdin=path).output()


def upper_with_title(case, text):
    path = case.path("expected")
    path.write_bytes(TITLE + text.read_bytes().upper())
    return path


# ---- a header of the results ----


def test_the_header_of_the_results_is_in_the_output_once(case):
    text = case.text(1 << 20)
    expected = upper_with_title(case, text)
    for options in (["--block", "4K"], ["--block", "300K"], ["-N1000", "-j3"], ["--block", "2M"]):
        run = case.run("fanfold", *options, "--header-out", 2, "-i", text, "--", "sh", "-c", TITLED)
        run.expect(0)
        case.assert_same(run.stdout, expected)


def test_the_header_comes_first_where_nothing_else_is_in_order(case):
    text = case.text(1 << 20)
    expected = upper_with_title(case, text)
    script = '[ "$FANFOLD_SEQ" != 0 ] || sleep 0.3; ' + TITLED
    words = ["--unordered", "--header-out", 2, "--block", "16K", "-j3", "-i", text]
    run = case.run("fanfold", *words, "--", "sh", "-c", script)
    run.expect(0)
    ours, right = run.output(), expected.read_bytes()
    assert ours.startswith(TITLE), ours[:100]
    assert ours != right, "it was in order, and shows nothing"
    assert sorted(ours.splitlines()) == sorted(right.splitlines())


def test_a_result_of_nothing_has_no_header(case):
    """The title of grep's first match, wherever that is."""
    lines = b"".join(b"line %d\n" % n for n in range(1000))
    script = 'found=$(grep -E "77|8.[0-3]"); [ -z "$found" ] || printf "TITLE\\n=====\\n%s\\n" "$found"'
    run = case.run("fanfold", "-N10", "-j3", "--header-out", 2, "--", "sh", "-c", script, stdin=lines)
    run.expect(0)
    found = [line for line in lines.splitlines(True) if re.search(rb"77|8.[0-3]", line)]
    assert run.output() == TITLE + b"".join(found), run.output()[:200]


def test_the_header_of_results_that_waited_in_a_file_is_cut_off(case):
    lines = b"".join(b"line number %d\n" % n for n in range(100000))
    gate = case.gate("seen")
    script = f'[ "$FANFOLD_SEQ" != 0 ] || : <seen; : >"seen-$FANFOLD_SEQ"; {TITLED}'
    words = ["-j2", "--window", 4, "--buffer", 1, "-N20000", "--log-level", "info", "--header-out", 2]
    run = case.start("fanfold", *words, "--", "sh", "-c", script, stdin=lines)
    case.wait_for(case.path("seen-3").exists, "three chunks to be done")
    gate.open()
    run.expect(0)
    assert run.output() == TITLE + lines.upper()
    spilled = re.search(r"^fanfold-sink: info end .* spilled=(\d+)", run.stderr(), re.M)
    assert int(spilled[1]) > 0, spilled[0]


def resumes(case, fed, seed):
    """Killed at random moments, of some of which nothing is written yet."""
    text = case.text(4 << 20)
    expected = upper_with_title(case, text)
    size = size_of(expected)
    chance = random.Random(seed)
    options = ["--header-out", 2, "--block", "32K", "--buffer", "256K", "-j2", "--resume"]
    run = Resumption(case, text, *options, script="sleep 0.02; " + TITLED, fed=fed)
    for target in sorted(chance.randrange(size * 9 // 10) for _ in range(6)):
        process = run.start()
        case.wait_for(lambda: size_of(run.output) >= target or not process.running(), "the moment", 120)
        assert process.running(), "the run has ended"
        kill_everything(case, chance)
    run.start().expect(0, 120)
    case.assert_same(run.output, expected)
    assert not journal_path(run.output).exists()


@pytest.mark.deadline(240)
def test_a_run_over_a_file_that_is_killed_again_and_again_has_one_header(case):
    resumes(case, False, seed=5)


@pytest.mark.deadline(240)
def test_a_run_over_a_pipe_that_is_killed_again_and_again_has_one_header(case):
    resumes(case, True, seed=6)


def test_a_sink_that_is_killed_again_and_again_writes_one_header(case):
    """Workers live on, and send it results at any moment."""
    text = case.text(2 << 20)
    expected = upper_with_title(case, text)
    tasks, results = case.endpoints()[:2], case.endpoints()
    output = case.path("output")
    sink = lambda: case.start("fanfold-sink", *results, "--resume", "-o", output)  # pylint: disable=unnecessary-lambda-assignment
    current = sink()
    worker = case.start("fanfold-worker", *tasks, "-j2", "--", "sh", "-c", "sleep 0.02; " + TITLED)
    words = ["--header-out", 2, "--block", "32K", "--buffer", "512K", "-i", text]
    ventilator = case.start("fanfold-ventilator", *tasks, *words)
    for target in (1, 300000, 1000000):
        case.wait_for(lambda: size_of(output) >= target, f"{target} bytes", 60)
        current.popen.kill()
        current.wait()
        current = sink()
    for process in (ventilator, worker, current):
        process.expect(0)
    case.assert_same(output, expected)


def test_a_run_that_began_with_another_header_out_is_refused(case):
    run = Resumption(case, case.text(64 << 10), "--block", "4K", "-j2", "--header-out", 2, script=HELD)
    remains = run.begin_and_kill(6)
    for options in (["--header-out", 1], ["--header-out", 0]):
        refused(case, run.words(*options), 4, "^fanfold-ventilator: .*cannot resume: .*--header-out", remains)
    process = run.start("--resume")
    process.expect(0)
    case.assert_same(run.output, upper_with_title(case, run.text))


# ---- a header of the input ----


def test_every_chunk_begins_with_the_header_of_the_input(case):
    rows = table(5000)
    for options in (["--block", "1K"], ["-N100"], ["-j1", "--block", "10M"]):
        run = case.run("fanfold", "--header", 1, *options, "--", "sh", "-c", "head -n 1", stdin=rows)
        run.expect(0)
        lines = run.output().splitlines(True)
        assert set(lines) == {b"name,a,b\n"} and (len(lines) > 1) == ("10M" not in options), len(lines)


def test_a_table_goes_through_a_filter_as_through_one_process(case):
    rows = case.file("rows", table(30000))
    expected = sums_of(case, rows)
    for options in (["--block", "4K"], ["-N1", "-j3", "-i", "few"], ["--header", ":", "--block", "64K"]):
        few = case.file("few", table(50))
        source = few if "few" in options else rows
        words = ["--header", 1, "--header-out", 1, "-i", source, *[o for o in options if o not in ("-i", "few")]]
        run = case.run("fanfold", *words, "--", "awk", SUMS)
        run.expect(0)
        assert run.output() == (sums_of(case, few) if source == few else expected), options


def test_a_table_that_is_nothing_but_its_header_has_one_in_the_output(case):
    rows = case.file("rows", table(0))
    words = ["--header", 1, "--header-out", 1]
    serve = case.file("serve.py", b"import fanfold\nfanfold.serve_records(lambda record, _: record, header=1)\n")
    for options in (["-i", rows], ["-i", rows, "-i", rows], ["--resume", "-o", "out", "-i", rows]):
        run = case.run("fanfold", *words, *options, "--", "awk", SUMS)
        run.expect(0)
        assert (case.path("out").read_bytes() if "-o" in options else run.output()) == b"name,sum\n", options
    for command in (["--mode", "lines", "--", "cat"], ["--mode", "frames", "--", "python3", serve], ["--plugin", ECHO]):
        run = case.run("fanfold", *words, "-i", rows, *command)
        run.expect(0)
        assert run.output() == table(0), command
    run = case.run("fanfold", "--header", 1, "-i", rows, "--", "awk", SUMS)
    run.expect(0)
    assert run.output() == b"", "results have no header, and none is asked for"
    listed = case.run("fanfold", "--dry-run", *words, "-i", rows, "--", "awk", SUMS)
    assert listed.output().splitlines()[-1] == b"0\t%d\t0\t0" % len(table(0))


def test_an_only_header_that_fails_is_given_up_as_a_chunk(case):
    for mode in ("skip", "isolate"):
        words = ["--header", 1, "--header-out", 1, "--on-error", mode, "-o", mode, "--retries", 1]
        case.run("fanfold", *words, "--", "false", stdin=table(0)).expect(1)
        letters = read_dead_letters(case.path(f"{mode}.dead-letters"), header=table(0))
        assert [letter.bytes for letter in letters] == [b""] and case.path(mode).read_bytes() == b""


def test_a_plugin_is_given_the_header_too(case):
    rows = case.file("rows", table(30000))
    run = case.run("fanfold", "--header", 1, "--header-out", 1, "--block", "4K", "-i", rows, "--plugin", ECHO)
    run.expect(0)
    case.assert_same(run.stdout, rows)


def test_bad_records_are_found_below_a_header(case):
    bad = {0, 7, 8, 4999, 2500}
    rows = case.file("rows", table(5000, bad))
    good = case.file("good", b"".join(line for line in rows.read_bytes().splitlines(True) if b"bad" not in line))
    words = ["--header", 1, "--header-out", 1, "--on-error", "isolate", "--retries", 1, "--block", "8K", "-i", rows]
    run = case.run("fanfold", *words, "-o", "out", "--", "awk", PICKY)
    run.expect(1)
    assert case.path("out").read_bytes() == sums_of(case, good)
    check_letters(case, run, rows.read_bytes(), bad)


def test_dead_letters_are_run_again_by_what_the_sink_says(case):
    rows = case.file("rows", table(1000, {0, 600}))
    words = ["--header", 1, "--header-out", 1, "--on-error", "skip", "--retries", 1, "-N100", "-i", rows]
    run = case.run("fanfold", *words, "-o", "out", "--", "awk", PICKY)
    run.expect(1)
    letters = read_dead_letters(case.path("out.dead-letters"), header=b"name,a,b\n")
    assert [letter.about["seq"] for letter in letters] == [0, 6]
    lines = rows.read_bytes().splitlines(True)
    assert letters[0].bytes == b"".join(lines[1:101]) and letters[1].bytes == b"".join(lines[601:701])
    rest = lines[:1] + lines[101:601] + lines[701:]
    assert case.path("out").read_bytes() == sums_of(case, case.file("rest", b"".join(rest)))
    said = re.search(r"to run them again: (.*?) \.\.\. -- COMMAND", run.stderr())
    assert said, run.stderr()
    again = case.shell(f"{said[1]} --header-out 1 -- awk '{SUMS}' >again")
    assert again.status == 0, again.stderr()
    dead = b"".join(lines[:1] + lines[1:101] + lines[601:701])
    assert case.path("again").read_bytes() == sums_of(case, case.file("dead", dead))


def check_letters(case, run, text, bad):
    letters = read_dead_letters(case.path("out.dead-letters"), header=b"name,a,b\n")
    lines = text.splitlines(True)
    assert [letter.bytes for letter in letters] == [lines[n + 1] for n in sorted(bad)]
    assert [letter.about["record"] for letter in letters] == [n + 1 for n in sorted(bad)]
    for letter in letters:
        assert text[letter.about["offset"] :].startswith(letter.bytes), letter.about
    assert re.search(r"fanfold -i out.dead-letters --header 1 ", run.stderr())


def test_a_table_resumes_after_kills_with_one_header(case):
    rows = case.file("rows", table(40000))
    expected = sums_of(case, rows)
    chance = random.Random(7)
    words = ["--header", 1, "--header-out", 1, "--block", "8K", "--buffer", "64K", "-j2", "--resume"]
    script = f"sleep 0.02; awk '{SUMS}'"
    for fed in (False, True):
        run = Resumption(case, rows, *words, script=script, fed=fed, name=f"output-{fed}")
        for target in sorted(chance.randrange(len(expected) * 9 // 10) for _ in range(4)):
            process = run.start()
            case.wait_for(lambda: size_of(run.output) >= target or not process.running(), "the moment", 120)
            assert process.running(), "the run has ended"
            kill_everything(case, chance)
        run.start().expect(0, 120)
        assert run.output.read_bytes() == expected
