# SPDX-License-Identifier: MIT
"""--frames-out: the output says where each result ends, or each record, however results wait, and whatever is killed."""

import json
import random
import struct

import pytest
from harness import sha256_of
from resuming import HELD_UPPER, Resumption, kill_everything, position_of, refused, size_of

LINES = b"".join(b"line %d\n" % n for n in range(1000))


def frames_of(data):
    """The bodies of frames, all of which are whole."""
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 4 + size]
        assert len(body) == size, f"{len(body)} bytes of {size} at {at}"
        yield body
        at += 4 + size


def tagged_of(data):
    """(seq, kind, body) of each frame."""
    at = 0
    while at < len(data):
        seq, kind, size = struct.unpack_from(">QII", data, at)
        body = data[at + 16 : at + 16 + size]
        assert len(body) == size, f"{len(body)} bytes of {size} at {at}"
        yield seq, kind, body
        at += 16 + size


def framed(records):
    return b"".join(struct.pack(">I", len(record)) + record for record in records)


def output_of(case, *words, stdin=LINES):
    run = case.run("fanfold", *words, stdin=stdin)
    run.expect(0)
    return run.output()


def test_each_result_has_its_length_before_it(case):
    for words in (["--frames-out"], ["--frames-out=result"]):
        chunks = list(frames_of(output_of(case, *words, "-N7", "-j3", "--", "cat")))
        assert b"".join(chunks) == LINES
        assert [chunk.count(b"\n") for chunk in chunks] == [7] * 142 + [6]


def test_a_result_of_nothing_is_a_frame_of_nothing(case):
    chunks = list(frames_of(output_of(case, "--frames-out", "-N10", "-j3", "--", "sh", "-c", "grep 77 || :")))
    assert len(chunks) == 100 and chunks.count(b"") > 50
    assert b"".join(chunks) == b"".join(line for line in LINES.splitlines(True) if b"77" in line)


def test_frames_are_the_records_of_the_next_stage(case):
    first = output_of(case, "--frames-out", "-N7", "-j2", "--", "tr", "a-z", "A-Z")
    second = output_of(case, "--format=frames", "--frames-out=record", "-N3", "-j2", "--", "cat", stdin=first)
    assert second == first


def test_each_record_of_a_result_has_its_length_before_it(case):
    text = b"one\n\nthree\r\nlast"
    assert output_of(case, "--frames-out=record", "--", "cat", stdin=text) == framed([b"one", b"", b"three\r", b"last"])
    assert output_of(case, "--frames-out=record", "-0", "--", "cat", stdin=b"a\nb\0\0c\0") == framed([b"a\nb", b"", b"c"])
    rows = b'a,"b\nc"\r\nd,e\n'
    assert output_of(case, "--frames-out=record", "--format=csv", "--", "cat", stdin=rows) == framed([b'a,"b\nc"', b"d,e"])
    genes = b">a\nAC\n>b\nGT\n"
    assert output_of(case, "--frames-out=record", "--format=fasta", "--", "cat", stdin=genes) == framed([b">a\nAC\n", b">b\nGT\n"])


def test_results_may_have_other_records_than_the_input(case):
    words = ["--frames-out=record", "--records-out=nul", "--", "tr", r"\n", r"\0"]
    assert output_of(case, *words, stdin=b"a\nb\n") == framed([b"a", b"b"])
    words = ["--frames-out=record", "--records-out=whole", "-N2", "--", "grep", "-v", "c"]
    assert output_of(case, *words, stdin=b"a\nb\nc\nd\n") == framed([b"a\nb\n", b"d\n"])
    run = case.run("fanfold", "--frames-out=record", "--records-out=frames", "--", "cat", stdin=b"no frames\n")
    run.expect(4)
    assert "a result is not made of the records that --records-out names" in run.stderr()


def test_records_of_all_sizes_are_framed_through_a_slow_pipe_and_a_file_of_waiting_results(case):
    """A record that is larger than any piece, and results that waited on the disk."""
    chance = random.Random(7)
    records = [b"x" * chance.choice([0, 1, 50, 5000, 300000, 900000]) for _ in range(200)]
    text = case.file("text", b"".join(record + b"\n" for record in records))
    for how, expected in (("record", framed(records)), ("result", None)):
        gate = case.gate(f"gate-{how}")
        script = f'[ "$FANFOLD_SEQ" != 0 ] || : <{gate}; : >"seen-$FANFOLD_SEQ"; cat'
        words = [f"--frames-out={how}", "-j2", "--window", 6, "--buffer", 1, "-N20", "--log-level", "info"]
        run = case.start("fanfold", *words, "-i", text, "--", "sh", "-c", script)
        case.wait_for(case.path("seen-3").exists, "three chunks to be done")
        gate.open()
        run.expect(0)
        assert "spilled=0" not in run.stderr()
        data = run.output()
        assert data == expected if expected is not None else b"".join(frames_of(data)) == text.read_bytes()
        for path in case.path(".").glob("seen-*"):
            path.unlink()


def test_a_tagged_frame_for_each_chunk_says_which_it_is_and_why_it_failed(case):
    script = 'x=$(cat); case "$x" in *"line 77"*) echo no >&2; exit 3;; *5*) printf %s "$x";; esac'
    words = ["--frames-out=tagged", "-N5", "-j3", "--retries", 1, "--on-error=skip", "--", "sh", "-c", script]
    run = case.run("fanfold", *words, stdin=LINES)
    run.expect(1)
    frames = list(tagged_of(run.output()))
    assert [seq for seq, _, _ in frames] == list(range(200))
    failed = {15, *range(154, 156)}
    assert {seq for seq, kind, _ in frames if kind == 1} == failed
    for seq, kind, body in frames:
        if kind == 1:
            reason = json.loads(body)
            assert (reason["seq"], reason["code"], reason["stderr"]) == (seq, 3, "no\n")
        else:
            part = b"\n".join(LINES.splitlines()[5 * seq : 5 * seq + 5])
            assert body == (part if b"5" in part else b""), seq
    kept = json.loads(next(case.path("fanfold.dead-letters").glob("000001.json")).read_text())
    assert kept == json.loads(frames[15][2])


def test_frames_of_results_alone_pass_over_what_was_given_up(case):
    words = ["-N1", "--retries", 1, "--on-error=skip", "--", "grep", "-v", "2"]
    for how in ("result", "record"):
        run = case.run("fanfold", f"--frames-out={how}", "--dead-letters", how, *words, stdin=b"1\n2\n3\n")
        run.expect(1)
        end = b"\n" if how == "result" else b""
        assert run.output() == framed([b"1" + end, b"3" + end])


def test_tagged_frames_in_any_order_have_each_chunk_once(case):
    frames = list(tagged_of(output_of(case, "--frames-out=tagged", "--unordered", "-N5", "-j4", "--", "cat")))
    assert sorted(seq for seq, _, _ in frames) == list(range(200))
    assert b"".join(body for _, _, body in sorted(frames)) == LINES


def resumes(case, how, *options, seed):
    """Killed at random moments, the file is what an undisturbed run writes."""
    text = case.text(3 << 20)
    words = [f"--frames-out={how}", "--block", "32K", "-j2", *options]
    script = "sleep 0.02; tr a-z A-Z | grep -v BA || :"
    case.run("fanfold", *words, "-i", text, "-o", "expected", "--", "sh", "-c", script.split(";")[1]).expect(0)
    chance, size = random.Random(seed), size_of(case.path("expected"))
    run = Resumption(case, text, *words, "--buffer", "256K", "--resume", script=script)
    for target in sorted(chance.randrange(size * 9 // 10) for _ in range(4)):
        process = run.start()
        case.wait_for(lambda: size_of(run.output) >= target or not process.running(), "the moment", 120)
        assert process.running(), "the run has ended"
        kill_everything(case, chance)
    run.start().expect(0, 120)
    assert sha256_of(run.output) == sha256_of(case.path("expected"))


@pytest.mark.deadline(240)
def test_a_framed_output_is_resumed_as_any_other(case):
    resumes(case, "result", seed=1)


@pytest.mark.deadline(240)
def test_an_output_of_framed_records_is_resumed_as_any_other(case):
    resumes(case, "record", seed=2)


@pytest.mark.deadline(240)
def test_a_tagged_output_is_resumed_as_any_other(case):
    resumes(case, "tagged", "--header-out", 1, seed=3)


def test_the_header_of_a_resumed_run_is_in_the_first_frame_that_is_not_empty(case):
    """Killed when nothing but empty results is written."""
    text = case.file("text", LINES)
    words = ["--frames-out", "--header-out", 1, "-N100", "-j1"]
    script = 'if [ "$FANFOLD_SEQ" -lt 4 ]; then cat >/dev/null; else sed "1i title"; fi'
    run = Resumption(case, text, *words, "--resume", script='[ "$FANFOLD_SEQ" != 4 ] || : <"$GATE"; ' + script)
    run.gate.shut()
    run.start()
    case.wait_for(lambda: position_of(run.output) == 4, "four empty results to be committed")
    kill_everything(case)
    case.run("fanfold", *words, "--resume", "-i", text, "-o", run.output, "--", "sh", "-c", script).expect(0)
    frames = list(frames_of(run.output.read_bytes()))
    assert frames[:4] == [b""] * 4 and frames[4].startswith(b"title\n")
    assert b"".join(frames) == b"title\n" + b"".join(LINES.splitlines(True)[400:])


def test_a_run_is_not_resumed_with_other_frames(case):
    text = case.file("text", LINES)
    run = Resumption(case, text, "--frames-out", "-N100", script=HELD_UPPER)
    run.begin_and_kill(3)
    refused(case, run.words("--resume", "--frames-out=tagged"), 2, "has other frames in its output: give --frames-out as before")


def test_frames_that_cannot_be_are_refused(case):
    for words, sentence in (
        (["--frames-out", "--max-result=4G"], "expected a --max-result of less than 4G"),
        (["--records-out=csv"], "expected --frames-out=record beside it"),
        (["--frames-out=record", "--records-out=tar"], "expected lines, nul, csv, fasta, fastq, frames or whole"),
        (["--frames-out=chunk"], "expected result, record or tagged"),
    ):
        run = case.run("fanfold", *words, "--", "cat", stdin=b"")
        run.expect(2)
        assert sentence in run.stderr(), run.stderr()
