# SPDX-License-Identifier: MIT
"""Chunks whose size the run finds out by itself, and tasks that wait behind a long one."""

import itertools

from harness import build_directory
from noting_worker import counts_of

LINE_MAX = 400  # of the text
FACTOR = 64  # of a step at most, and 16 of the first

# Notes how many bytes each chunk had.
NOTING = 'head -c 100000000 >chunk-$FANFOLD_SEQ; stat -c "$FANFOLD_SEQ %s" chunk-$FANFOLD_SEQ >>"$NOTES"; '
NOTING += "cat chunk-$FANFOLD_SEQ; rm chunk-$FANFOLD_SEQ"


def lengths(notes):
    """Of the chunks, in order."""
    rows = sorted(tuple(map(int, line.split())) for line in notes.read_text().splitlines())
    assert [seq for seq, _ in rows] == list(range(len(rows)))
    return [length for _, length in rows]


def test_chunks_begin_with_a_line_and_grow_in_steps(case):
    text, notes = case.text(4 << 20), case.path("notes")
    options = ["-j2", "--block", "auto", "-i", text]
    run = case.run("fanfold", *options, "--", "sh", "-c", NOTING, env={"NOTES": str(notes)})
    run.expect(0)
    case.assert_same(run.stdout, text)
    sizes = lengths(notes)
    with open(text, "rb") as file:
        assert sizes[0] == len(file.readline()), sizes
    longest = list(itertools.accumulate(sizes, max))
    assert all(later <= max(FACTOR * before, LINE_MAX) for before, later in zip(longest, sizes[1:])), sizes
    assert max(sizes) >= 100 * sizes[0], sizes
    assert len(sizes) <= 100, sizes  # of 40,000 lines; a busy machine measures longer times


def test_a_program_that_starts_slowly_is_started_a_few_times_only(case):
    """Whatever a chunk's length: four rounds of eight slots, and some more by chance."""
    text, notes = case.text(3 << 20), case.path("notes")
    options = ["-j8", "--block", "auto", "-i", text]
    run = case.run("fanfold", *options, "--", "sh", "-c", "sleep 0.3; " + NOTING, env={"NOTES": str(notes)})
    run.expect(0)
    case.assert_same(run.stdout, text)
    sizes = lengths(notes)
    assert len(sizes) <= 60, sizes
    assert sum(size >= max(sizes) / 2 for size in sizes) >= 4, f"some slots had nothing of {sizes}"


def test_lines_that_take_long_are_shared_by_all_slots(case):
    lines = case.file("lines", b"".join(b"%d\n" % number for number in range(120)))
    script = "n=0; while read -r line; do sleep 0.05; echo $line; n=$((n + 1)); done; "
    script += 'echo "$FANFOLD_SEQ $n" >>"$NOTES"'
    notes = case.path("notes")
    options = ["-j4", "--block", "auto", "-i", lines]
    run = case.run("fanfold", *options, "--", "sh", "-c", script, env={"NOTES": str(notes)})
    run.expect(0)
    case.assert_same(run.stdout, lines)
    counts = lengths(notes)
    assert counts[:4] == [1] * 4, counts
    assert max(counts) <= 15, counts  # at most half a second, or a twelfth of them
    assert max(counts[-4:]) <= 6, counts  # 2 on a quiet machine


def test_a_stream_is_cut_as_well(case):
    text = case.text(4 << 20)
    for work in (["--plugin", build_directory() / "worker/examples/echo.so"], ["--", "cat"]):
        run = case.run("fanfold", "-j2", "--block=auto", *work, stdin=text)
        run.expect(0)
        case.assert_same(run.stdout, text)


def test_a_run_resumes_with_other_chunks(case):
    text, output = case.text(2 << 20), case.path("output")
    fails = case.file("fails", b"")
    script = f'[ "$FANFOLD_SEQ" -lt 5 ] || [ ! -e {fails} ] || exit 3; cat'
    options = ["--block", "auto", "-i", text, "-o", output]
    case.run("fanfold", "-j2", *options, "--", "sh", "-c", script).expect(3)
    before = output.stat().st_size
    assert before < text.stat().st_size
    fails.unlink()
    other = ["--resume", "--block", "64K", "-i", text, "-o", output, "--", "cat"]
    refused = case.run("fanfold", *other)
    refused.expect(4)
    assert "the run began with --block auto" in refused.stderr(), refused.stderr()
    case.run("fanfold", "-j2", "--resume", *options, "--", "sh", "-c", script).expect(0)
    case.assert_same(output, text)


def test_what_says_how_long_a_chunk_is_contradicts_it(case):
    for word, said in (("-N5", "contradicts -N"), ("--format=whole", "contradicts a format")):
        run = case.run("fanfold", "--block=auto", word, "--", "cat", stdin=b"a\n")
        run.expect(2)
        assert said in run.stderr(), run.stderr()


def test_tasks_behind_one_that_takes_long_go_to_another_worker(case):
    """The long one ends when all else has ended: what stayed behind it would wait for ever."""
    endpoints = case.endpoints()[:2]
    total, long = 200, 60
    lines = b"".join(b"%d\n" % number for number in range(total))
    release, notes = case.gate("release"), case.path("notes")
    script = f'read -r line; if [ "$line" = {long} ]; then : <{release}; fi; '
    script += f'echo "$line" >>{notes}; echo "$line"'
    sink = case.start("fanfold-sink", *endpoints)
    workers = [
        case.start("fanfold-worker", *endpoints, "-j1", "--", "sh", "-c", script) for _ in range(2)
    ]
    ventilator = case.start(
        "fanfold-ventilator", *endpoints, "-N1", "--min-workers", 2, "--log-level", "info", stdin=lines
    )
    case.wait_for(
        lambda: notes.exists() and notes.read_text().count("\n") == total - 1, "all else to have ended", deadline=90
    )
    release.open()
    for process in (ventilator, sink, *workers):
        process.expect(0)
    assert sink.output() == lines
    assert counts_of(ventilator)["sent"] - counts_of(ventilator)["returned"] == total
