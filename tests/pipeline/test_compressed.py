# SPDX-License-Identifier: MIT
"""Compressed inputs, and the process that decompresses them."""

import contextlib
import gzip
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from harness import SLOWNESS
from input_files import KINDS, MIB, SMALL, UPPER, compress, compressed, inputs, kinds, lines, run_over, text_of

PEAK_MAX = 96 << 20


def test_every_compression_is_recognised_in_files_and_pipes(case):
    text = text_of(case)
    for kind in kinds(case):
        path = compressed(case, kind, text)
        for words, stdin in ((inputs(path), None), ([], path), ([], "pipe")):
            if stdin == "pipe":
                feeder = case.start("cat", path, stdout=subprocess.PIPE)
                stdin = feeder.popen.stdout
            run = run_over(case, "-j2", "--block", "256K", *words, stdin=stdin)
            assert run.output() == text.upper(), (kind, words)
            run.stdout.unlink()


def test_compressed_files_are_mixed_with_others(case):
    parts = [lines(1000 * number, 900) for number in range(len(KINDS) + 1)]
    paths = [compressed(case, kind, part) for kind, part in zip(kinds(case), parts)]
    paths.insert(2, case.file("plain", parts[-1]))
    parts.insert(2, parts.pop())
    run = run_over(case, *SMALL, *inputs(*paths))
    assert run.output() == b"".join(parts).upper()


def test_no_decompress_hands_the_bytes_through(case):
    for kind in kinds(case):
        path = compressed(case, kind, lines(0, 1000))
        run = run_over(case, "--no-decompress", "-j2", *inputs(path), command=["--", "cat"])
        assert run.output() == path.read_bytes(), kind


def test_what_only_begins_like_a_compression_is_text(case):
    for number, data in enumerate([b"BZh9 is no bzip2\n", b"\x1f", b"\xfd\n", b"B", b"\x28\xb5", b"BZh91A"]):
        for stdin, words in ((None, ["-i", case.file(f"in{number}", data)]), (data, [])):
            run = run_over(case, *words, stdin=stdin, command=["--", "cat"])
            assert run.output() == data


def test_a_compressed_input_that_is_cut_short_ends_the_run_after_what_came_before(case):
    text = text_of(case)
    for kind in kinds(case):
        whole = compress(kind, text)
        for share in (0.5, 1):
            path = case.file(f"cut.{kind}", whole[: int(len(whole) * share) - 1])
            run = run_over(case, *SMALL, "-i", path, status=4)
            (line,) = [line for line in run.reasons() if "cannot decompress" in line]
            assert re.search(rf"cannot decompress {path} beyond byte \d+ of its content: it is cut short", line), line
            written = run.output()
            assert text.upper().startswith(written), f"{kind}: what was written is not the beginning"
            assert written.endswith(b"\n") or not written
            assert share < 1 or len(written) > len(text) // 2, (kind, len(written))


def test_a_compressed_input_that_is_damaged_is_an_error_that_names_it(case):
    text = text_of(case, MIB)
    for kind in kinds(case):
        whole = compress(kind, text)
        for place in (len(whole) // 2, len(whole) - 6):
            data = bytearray(whole)
            data[place] ^= 0x10
            path = case.file(f"damaged.{kind}", data)
            run = run_over(case, *SMALL, "-i", path, status=4)
            assert f"cannot decompress {path} beyond byte" in run.stderr(), kind


def list_both_ways(case, data, status=0):
    """Over these bytes as a file and as a pipe: how many bytes are cut, and what was said."""
    for words, stdin in ((["-i", case.file("in", data)], None), ([], data)):
        run = case.run("fanfold-ventilator", "--dry-run", *words, stdin=stdin)
        run.expect(status)
        chunks = [line.split(b"\t") for line in run.output().splitlines()[1:]]
        yield sum(int(chunk[2]) for chunk in chunks), run.stderr()


SKIP = b"\x5f\x2a\x4d\x18\x05\0\0\0hello"
WELL = {
    "several members": lambda member, _: (member * 3, 3),
    "empty members": lambda member, empty: (empty + member + empty, 1),
    "nothing but an empty member": lambda _, empty: (empty, 0),
    "a byte of padding": lambda member, _: (member + bytes(1), 1),
    "a block of padding": lambda member, _: (member + bytes(10240), 1),
    "padding between members": lambda member, _: (member + bytes(512) + member, 2),
}
# How it ends, by how it is made; in files and in pipes.
BADLY = {
    "garbage behind": (lambda member: member + b"and more\n", "data end after {size} bytes, and other bytes follow"),
    "a newline behind": (lambda member: member + b"\n", "data end after {size} bytes, and other bytes follow"),
    "garbage behind padding": (lambda member: member + bytes(9) + b"!", "and other bytes follow"),
    "cut in its first bytes": (lambda member: member[:7], "it is cut short"),
    "cut in the middle": (lambda member: member[: len(member) // 2], "it is cut short"),
    "cut by a byte": (lambda member: member[:-1], "it is cut short"),
    "cut in its second member": (lambda member: member + member[:8], "it is cut short"),
}


def test_members_emptiness_and_padding_of_each_compression(case):
    text = lines(0, 300)
    for kind in kinds(case, legacy=True):
        member, empty = compress(kind, text), compress(kind, b"")
        for what, make in WELL.items():
            data, times = make(member, empty)
            for size, said in list_both_ways(case, data):
                assert size == len(text) * times, (kind, what, said)
        run = run_over(case, "-j1", stdin=member + member + bytes(99), command=["--", "cat"])
        assert run.output() == text * 2, kind


def test_damage_of_each_compression_is_said_in_words(case):
    text = lines(0, 300)
    for kind in kinds(case, legacy=True):
        member = compress(kind, text)
        for what, (make, said) in BADLY.items():
            for _, stderr in list_both_ways(case, make(member), status=4):
                assert re.search("cannot decompress .* beyond byte", stderr), (kind, what, stderr)
                if kind == "legacy" and what == "a newline behind":
                    said = "it is cut short"  # within the size of a block
                assert said.format(size=len(member)) in stderr, (kind, what, stderr)
        run = run_over(case, "-j1", stdin=member + b"and more", command=["--", "cat"], status=4)
        assert run.output() == text, kind


def test_one_wrong_bit_is_never_other_content(case):
    """But for lz4's first kind of frame, which has no checksum. The first bytes tell what it is."""
    text = lines(0, 300)
    for kind in kinds(case):
        member = compress(kind, text)
        for place in (10, len(member) // 2, len(member) - 2):
            data = bytearray(member)
            data[place] ^= 4
            run = case.run("fanfold", "-j1", "--", "cat", stdin=bytes(data))
            assert run.status == 4 or run.output() == text, (kind, place)
            assert run.status == 0 or re.search(f"its {kind} data (are damaged|end after)|cut short", run.stderr())


def test_frames_to_skip_are_of_zstd_or_of_lz4(case):
    text = lines(0, 300)
    for kind in kinds(case, legacy=True):
        if kind in ("zstd", "lz4", "legacy"):
            member = compress(kind, text)
            run = run_over(case, stdin=SKIP + SKIP + member + SKIP + member + SKIP, command=["--", "cat"])
            assert run.output() == text * 2, kind
    for size, _ in list_both_ways(case, SKIP):
        assert size == 0
    for _, said in list_both_ways(case, SKIP + compress("gzip", text), status=4):
        assert "its zstd or lz4 data end after 13 bytes, and other bytes follow" in said


def peak_bytes(pid):
    """0: it is gone."""
    with contextlib.suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.M)
        return int(found[1]) * 1024 if found else 0
    return 0


@pytest.mark.deadline(240.0)
def test_a_bomb_costs_no_memory(case):
    size = 512 * MIB
    bomb, long = case.path("bomb.gz"), case.path("long.gz")
    with gzip.open(bomb, "wb", 1) as file:
        for _ in range(size // MIB):
            file.write(b"y\n" * (MIB // 2))
    with gzip.open(long, "wb", 1) as file:
        for _ in range(size // MIB):
            file.write(b"y" * MIB)
    assert bomb.stat().st_size < size / 50
    peaks = {}

    def watch(run):
        for program in ("fanfold-ventilator", "fanfold-decompress"):
            for pid in case.pids_of(program):
                peaks[program] = max(peaks.get(program, 0), peak_bytes(pid))
        return not run.running()

    run = case.start("fanfold", "--buffer", "32M", "-j2", "-i", bomb, "--", "wc", "-c")
    case.wait_for(lambda: watch(run), "the end", 180.0)
    run.expect(0)
    assert sum(map(int, run.output().split())) == size
    run = case.start("fanfold", "--max-record", "8M", "-i", long, "--", "wc", "-c")
    case.wait_for(lambda: watch(run), "the end", 60.0)
    run.expect(4)
    assert "is longer than 8388608 bytes" in run.stderr()
    if SLOWNESS == 1:
        assert len(peaks) == 2 and max(peaks.values()) < PEAK_MAX, peaks


# ---- the process that decompresses ----


def start_stalled(case, *words):
    """A run over half of a compressed pipe, whose first results are there."""
    whole = compress("gzip", text_of(case))
    run = case.start("fanfold", *SMALL, *words, *UPPER, stdin=subprocess.PIPE)
    run.stdin.write(whole[: len(whole) // 2])
    run.stdin.flush()
    case.wait_for(run.output, "the first results")
    return run, whole[len(whole) // 2 :]


def test_nothing_is_left_of_it_when_the_ventilator_is_killed(case):
    run, _ = start_stalled(case)
    (pid,) = case.pids_of("fanfold-decompress")
    os.kill(case.pids_of("fanfold-ventilator")[0], signal.SIGKILL)
    case.wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "it to be gone")
    assert run.wait() != 0
    case.assert_no_leftovers()


def test_its_own_end_is_an_error(case):
    run, _ = start_stalled(case)
    os.kill(case.pids_of("fanfold-decompress")[0], signal.SIGKILL)
    run.expect(4)
    assert re.search("cannot decompress standard input .* its decompressor was killed by signal 9", run.stderr())


def ignore_sigchld():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def test_its_end_is_seen_where_sigchld_was_ignored(case):
    whole = compress("gzip", text_of(case))
    cut = case.file("cut.gz", whole[: len(whole) // 2])
    at = case.endpoints()
    programs = [
        case.start("fanfold-sink", *at, "-o", case.path("out"), preexec_fn=ignore_sigchld),
        case.start("fanfold-worker", *at, "--", "cat", preexec_fn=ignore_sigchld),
        case.start("fanfold-ventilator", *at, "-i", cut, preexec_fn=ignore_sigchld),
    ]
    for program, status in zip(programs, (4, 0, 4)):
        program.expect(status)
    assert "it is cut short" in programs[2].stderr()


def test_a_run_is_whole_where_sigchld_was_ignored(case):
    path = case.file("in.gz", compress("gzip", text_of(case)))
    for status, script in ((0, "cat"), (1, "[ $FANFOLD_SEQ != 1 ] || exit 3; cat")):
        words = [*SMALL, "--on-error", "skip", "--retries", "1", "--dead-letters", case.path(f"letters{status}")]
        run = case.run("fanfold", *words, "-i", path, "--", "sh", "-c", script, preexec_fn=ignore_sigchld)
        assert run.status == status, run.stderr()


def test_an_interrupt_from_the_terminal_is_not_its_affair(case):
    run, _ = start_stalled(case)
    run.signal_group(signal.SIGINT)
    run.expect(130)
    assert "decompress" not in run.stderr()
    case.assert_no_leftovers()


def test_a_pipe_that_stalls_within_compressed_data_continues(case):
    run, rest = start_stalled(case)
    run.stdin.write(rest)
    run.stdin.close()
    run.expect(0)
    assert run.output() == text_of(case).upper()
