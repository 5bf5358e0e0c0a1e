# SPDX-License-Identifier: MIT
"""Inputs: several, compressed, damaged, with a header, slow, gone on with, or only listed."""

import bz2
import contextlib
import gzip
import lzma
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import msgpack
import zmq
from harness import SLOWNESS, run_tests, test
from resuming import HELD_UPPER, Resumption, kill_everything, refused

MIB = 1 << 20
KINDS = ["gzip", "bzip2", "xz", "zstd", "lz4"]
HEADER_MAX = 65536
PEAK_MAX = 96 << 20
SMALL = ["--block", "16K", "-j2"]
UPPER = ["--", "tr", "a-z", "A-Z"]


def compress(kind, data):
    """Two of the five are not in Python's library."""
    in_python = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}
    if kind in in_python:
        return in_python[kind](data)
    return subprocess.run([kind, "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def compressed(case, kind, data, name="in"):
    return case.file(f"{name}.{kind}", compress(kind, data))


def kinds(case):
    for kind in KINDS:
        if kind in ("zstd", "lz4") and not shutil.which(kind):
            case.skip(f"no {kind} here")
        yield kind


def text_of(case, size=2 * MIB):
    return case.text(size).read_bytes()


def lines(first, count):
    return b"".join(b"line %d\n" % number for number in range(first, first + count))


def run_over(case, *words, stdin=None, command=UPPER, status=0):
    run = case.run("fanfold", *words, *command, stdin=stdin)
    run.expect(status)
    return run


def inputs(*paths):
    return [word for path in paths for word in ("-i", path)]


# ---- records ----


@test
def what_is_cut_short_within_a_record_ends_the_run_after_the_whole_ones(case):
    entries = b"".join(b"@%d\nACGT\n+\nIIII\n" % number for number in range(1000))
    frames = b"".join(b"\0\0\0\3ab\n" for _ in range(1000))
    cuts = [
        ("fastq", entries, b"@cut\nACGT\n+\nI", "its quality ends after 1 of 4 characters"),
        ("fastq", entries, b"@cut\nACGT\n", 'its "\\+" and its quality are missing'),
        ("frames", frames, b"\0\0\0\3a", "a frame of 7 bytes, of which 5 are left"),
    ]
    for number, (name, whole, rest, lacks) in enumerate(cuts):
        path, output = case.file(f"cut{number}", whole + rest), case.path(f"out{number}")
        words = ["--format", name, "--block", "2K", "-j2", "-o", output, *inputs(path)]
        run = run_over(case, *words, command=["--", "cat"], status=4)
        said = rf"^fanfold-ventilator: {path}: record 1001 at byte {len(whole)} is cut short: {lacks}$"
        assert re.search(said, run.stderr(), re.M), run.stderr()
        assert output.read_bytes() == whole


# ---- several ----


@test
def files_are_read_one_after_the_other(case):
    parts = [lines(0, 5000), b"", b"no end", lines(9000, 3000), b"x\n"]
    paths = [case.file(f"part{number}", part) for number, part in enumerate(parts)]
    for options in (["-j3"], [*SMALL, "-N", "7"], SMALL):
        run = run_over(case, *options, *inputs(*paths))
        assert run.output() == b"".join(parts).upper(), options
        run.stdout.unlink()


@test
def a_chunk_lies_in_one_file_and_standard_input_may_be_among_them(case):
    first, second = case.file("first", b"1\n2\n3\n"), case.file("second", b"4\n5")
    run = run_over(
        case, "-N2", "-j1", *inputs(first, "-", second), command=["--", "sh", "-c", "tr '\\n' ,; echo"], stdin=b"a\nb\nc\n"
    )
    assert run.output() == b"1,2,\n3,\na,b,\nc,\n4,5\n"


@test
def as_whole_files_each_gives_a_result(case):
    parts = [b"one\ntwo", b"", lines(0, 200000), b"\n"]
    paths = [case.file(f"part{number}", part) for number, part in enumerate(parts)]
    run = run_over(case, "--whole-files", "-j2", *inputs(*paths), command=["--", "wc", "-c"])
    assert [int(line) for line in run.output().split()] == [len(part) for part in parts]
    refused(case, ["--whole-files", "--max-record", "1M", *inputs(*paths), *UPPER], 4, "is longer than 1048576 bytes")


@test
def more_files_than_are_kept_open(case):
    paths = [case.file(f"part{number}", b"%d\n" % number) for number in range(200)]
    run = run_over(case, "-j2", *inputs(*paths), command=["--", "cat"])
    assert run.output() == b"".join(b"%d\n" % number for number in range(200))


@test
def a_chunk_of_an_earlier_file_is_read_again_when_its_worker_fails(case):
    paths = [case.file(f"part{number}", b"%d\n" % number) for number in range(80)]
    flag = case.path("failed")
    script = f'[ "$FANFOLD_SEQ" != 0 ] || [ -e {flag} ] || {{ until [ -e {flag}.all ]; do sleep 0.02; done; touch {flag}; exit 1; }}; [ "$FANFOLD_SEQ" -lt 79 ] || touch {flag}.all; cat'
    run = run_over(case, "-j2", *inputs(*paths), command=["--", "sh", "-c", script])
    assert run.output() == b"".join(b"%d\n" % number for number in range(80))
    assert "1 retry" in run.stderr(), "nothing was read again"


@test
def an_input_is_no_output_and_comes_once_if_it_is_standard_input(case):
    first, second = case.file("first", b"1\n"), case.file("second", b"2\n")
    refused(case, [*inputs(first, second), "-o", second, *UPPER], 2, "the output is the input")
    assert second.read_bytes() == b"2\n"
    refused(case, [*inputs("-", "-"), *UPPER], 2, "standard input only once")
    refused(case, [*inputs(first, "/nowhere/x"), *UPPER], 4, "cannot read /nowhere/x: No such file")


# ---- compressed ----


@test
def every_compression_is_recognised_in_files_and_pipes(case):
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


@test
def compressed_files_are_mixed_with_others(case):
    parts = [lines(1000 * number, 900) for number in range(len(KINDS) + 1)]
    paths = [compressed(case, kind, part) for kind, part in zip(kinds(case), parts)]
    paths.insert(2, case.file("plain", parts[-1]))
    parts.insert(2, parts.pop())
    run = run_over(case, *SMALL, *inputs(*paths))
    assert run.output() == b"".join(parts).upper()


@test
def no_decompress_hands_the_bytes_through(case):
    for kind in kinds(case):
        path = compressed(case, kind, lines(0, 1000))
        run = run_over(case, "--no-decompress", "-j2", *inputs(path), command=["--", "cat"])
        assert run.output() == path.read_bytes(), kind


@test
def members_and_emptiness_are_content(case):
    text = lines(0, 3000)
    for kind in kinds(case):
        empty, full = compress(kind, b""), compress(kind, text)
        for data, expected in ((empty, b""), (full + full, text * 2), (empty + full + empty, text)):
            run = run_over(case, "-j2", "-i", case.file(f"in.{kind}", data))
            assert run.output() == expected.upper(), kind


@test
def what_only_begins_like_a_compression_is_text(case):
    for number, data in enumerate([b"BZh9 is no bzip2\n", b"\x1f\x8b", b"\xfd7zX", b"B", b"\x28\xb5\x2f", b"BZh91AY&S"]):
        for stdin, words in ((None, ["-i", case.file(f"in{number}", data)]), (data, [])):
            run = run_over(case, *words, stdin=stdin, command=["--", "cat"])
            assert run.output() == data


@test
def a_compressed_input_that_is_cut_short_ends_the_run_after_what_came_before(case):
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


@test
def a_compressed_input_that_is_damaged_is_an_error_that_names_it(case):
    text = text_of(case, MIB)
    for kind in kinds(case):
        whole = compress(kind, text)
        for place in (len(whole) // 2, len(whole) - 6):
            data = bytearray(whole)
            data[place] ^= 0x10
            path = case.file(f"damaged.{kind}", data)
            run = run_over(case, *SMALL, "-i", path, status=4)
            assert f"cannot decompress {path} beyond byte" in run.stderr(), kind


@test
def what_follows_compressed_data_is_not_dropped_in_silence(case):
    text = lines(0, 100)
    for kind in kinds(case):
        path = case.file(f"in.{kind}", compress(kind, text) + b"and more\n")
        run = run_over(case, "-j1", "-i", path, status=4)
        assert f"cannot decompress {path}" in run.stderr(), kind
    path = case.file("padded", compress("gzip", text) + bytes(512))
    assert run_over(case, "-j1", "-i", path).output() == text.upper(), "zeros are padding"


def peak_bytes(pid):
    """0: it is gone."""
    with contextlib.suppress(OSError):
        found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.M)
        return int(found[1]) * 1024 if found else 0
    return 0


@test(deadline=240.0)
def a_bomb_costs_no_memory(case):
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


@test
def nothing_is_left_of_it_when_the_ventilator_is_killed(case):
    run, _ = start_stalled(case)
    (pid,) = case.pids_of("fanfold-decompress")
    os.kill(case.pids_of("fanfold-ventilator")[0], signal.SIGKILL)
    case.wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "it to be gone")
    assert run.wait() != 0
    case.assert_no_leftovers()


@test
def its_own_end_is_an_error(case):
    run, _ = start_stalled(case)
    os.kill(case.pids_of("fanfold-decompress")[0], signal.SIGKILL)
    run.expect(4)
    assert re.search("cannot decompress standard input .* ended by signal 9", run.stderr())


@test
def an_interrupt_from_the_terminal_is_not_its_affair(case):
    run, _ = start_stalled(case)
    run.signal_group(signal.SIGINT)
    run.expect(130)
    assert "decompress" not in run.stderr()
    case.assert_no_leftovers()


@test
def a_pipe_that_stalls_within_compressed_data_goes_on(case):
    run, rest = start_stalled(case)
    run.stdin.write(rest)
    run.stdin.close()
    run.expect(0)
    assert run.output() == text_of(case).upper()


# ---- going on ----


def resume_over(case, paths, text, tasks, fed=False):
    """The last of `paths` is Resumption's own."""
    *others, last = paths
    run = Resumption(case, last, "--block", "16K", *inputs(*others), script=HELD_UPPER, fed=fed, name=f"output-{last.name}-{tasks}")
    run.begin_and_kill(tasks)
    expected = case.path("expected")
    expected.write_bytes(text.upper())
    run.complete("-j2", expected=expected)


@test
def a_run_goes_on_in_the_middle_of_several_files(case):
    parts = [lines(0, 3000), b"", b"no end", lines(5000, 6000), lines(20000, 50)]
    paths = [case.file(f"part{number}", part) for number, part in enumerate(parts)]
    for tasks in (1, 3, 4, 5):
        resume_over(case, paths, b"".join(parts), tasks)


@test
def a_run_goes_on_in_the_middle_of_compressed_files(case):
    parts = [lines(0, 3000), lines(5000, 6000), lines(20000, 50)]
    for kind in kinds(case):
        paths = [compressed(case, kind, part, f"part{number}") for number, part in enumerate(parts)]
        resume_over(case, paths, b"".join(parts), 4)
    paths[0] = case.file("plain", parts[0])
    resume_over(case, paths, b"".join(parts), 4)


@test
def a_run_goes_on_in_the_middle_of_a_compressed_pipe(case):
    text = lines(0, 20000)
    resume_over(case, [compressed(case, "gzip", text)], text, 3, fed=True)


@test
def a_run_goes_on_behind_a_header(case):
    header = b"the header\n"
    parts = [lines(0, 3000), lines(5000, 6000)]
    for compression in (None, "xz"):
        data = [header + part for part in parts]
        paths = [
            compressed(case, compression, part, str(number)) if compression else case.file(f"in{number}", part)
            for number, part in enumerate(data)
        ]
        output = case.path(f"output-{compression}")
        hold = case.path("hold")
        hold.touch()
        script = f'[ "$FANFOLD_SEQ" -lt 3 ] || while [ -e {hold} ]; do sleep 0.02; done; cat'
        words = ["--header", "1", *SMALL, *inputs(*paths), "-o", output, "--", "sh", "-c", f"grep -v 'the header' | ({script})"]
        case.start("fanfold", *words)
        case.wait_for(lambda output=output: output.exists() and output.stat().st_size > 40000, "three results")
        kill_everything(case)
        hold.unlink()
        case.run("fanfold", "--resume", *words).expect(0)
        assert output.read_bytes() == b"".join(parts), compression


@test
def a_run_refuses_to_go_on_with_other_inputs(case):
    parts = [lines(0, 3000), lines(5000, 6000), lines(20000, 50)]
    paths = [case.file(f"part{number}", part) for number, part in enumerate(parts)]
    run = Resumption(case, paths[2], "--block", "16K", *inputs(*paths[:2]), script=HELD_UPPER)
    remains = run.begin_and_kill(3)
    words = ["--block", "16K", "--resume", "-o", run.output, *UPPER]

    def refuse(chosen, pattern, *more):
        refused(case, [*inputs(*chosen), *more, *words], 4, rf"ventilator: .*cannot go on: {pattern}", remains)

    refuse(paths[:2], "the run began with 3 inputs, not 2")
    refuse([paths[1], paths[0], paths[2]], "these are not the inputs .*in order, size or how one of them begins")
    refuse(paths, "the run began with --header 0, not --header 1", "--header", ":")
    paths[2].write_bytes(parts[2] + b"more\n")
    refuse(paths, "these are not the inputs that the run began with .their size was")


# ---- headers ----


def welcome_header(case, *words, stdin=None):
    """What WELCOME tells a worker of the input's header; (None, ventilator): it ended before."""
    at = case.endpoints(f"header-{len(case.processes)}")
    case.start("fanfold-sink", *at)
    ventilator = case.start("fanfold-ventilator", *at, *words, stdin=stdin)
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect(at[1])
        about = ["host", 1, 1, 1, 7, b"command", bytes(16), 0, []]
        dealer.send(msgpack.packb([1, 1, os.urandom(16), 1, *about]))
        welcome = []

        def hear():
            while dealer.poll(0):
                message = msgpack.unpackb(dealer.recv_multipart()[0], raw=True)
                welcome.extend([message] if message[0] == 3 else [])
            return welcome or not ventilator.running()

        case.wait_for(hear, "WELCOME")
        header = welcome[0][8] if welcome else None
    kill_everything(case)
    return header, ventilator


@test
def workers_are_told_the_header_when_it_has_come(case):
    path = case.file("in", b"a,b\r\nunits\n1,2\n")
    assert welcome_header(case, "-i", path)[0] == b""
    assert welcome_header(case, "--header", ":", "-i", path)[0] == b"a,b\r\n"
    assert welcome_header(case, "--header", "2", "-i", path)[0] == b"a,b\r\nunits\n"
    reader, writer = os.pipe()
    os.write(writer, b"header\nand more")  # and no end
    assert welcome_header(case, "--header", ":", stdin=os.fdopen(reader))[0] == b"header\n"
    os.close(writer)


@test
def a_header_is_no_record_and_goes_to_every_chunk(case):
    paths = [case.file(f"in{number}", b"head\n" + lines(10 * number, 4)) for number in range(3)]
    script = "read header; echo \"$header:$(tr '\\n' ,)\""
    run = run_over(case, "--header", ":", "-N2", "-j2", *inputs(*paths), command=["--", "sh", "-c", script])
    numbers = [10 * number + offset for number in range(3) for offset in (0, 2)]
    assert run.output() == b"".join(b"head:line %d,line %d,\n" % (number, number + 1) for number in numbers)


@test
def a_header_that_differs_or_is_too_long_is_an_error(case):
    first, second = case.file("first", b"a,b\n1\n"), case.file("second", b"a,c\n2\n")
    run = run_over(case, "--header", ":", *inputs(first, second), status=4)
    assert f'{second}: its header is not that of {first} (line 1 of --header is "a,c", not "a,b")' in run.stderr()
    fits = case.file("fits", b"x" * (HEADER_MAX - 1) + b"\ny\n")
    header, _ = welcome_header(case, "--header", ":", "-i", fits)
    assert len(header) == HEADER_MAX
    above = case.file("above", b"x" * HEADER_MAX + b"\ny\n")
    header, ventilator = welcome_header(case, "--header", ":", "-i", above)
    assert header is None and ventilator.wait() == 4
    assert f"{above}: its header, 1 line, is longer than 65536 bytes" in ventilator.stderr()


# ---- slow streams ----


@test
def a_stream_that_waits_hands_out_the_whole_records_that_it_has(case):
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


@test
def a_compressed_stream_that_waits_does_too(case):
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


# ---- only listed ----


@test
def a_dry_run_lists_chunks_and_command_and_touches_nothing(case):
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


@test
def a_dry_run_cuts_as_a_run_does_and_finds_the_same_errors(case):
    text = case.text(2 * MIB)
    options = ["--block", "100K", "-i", text]
    rows = run_over(case, "--dry-run", *options).output().decode().splitlines()[2:]
    lengths = run_over(case, *options, "-j2", command=["--", "wc", "-c"]).output().split()
    assert [int(row.split("\t")[2]) for row in rows] == [int(length) for length in lengths]
    path = case.file("cut", compress("gzip", text.read_bytes())[:-1])
    run = run_over(case, "--dry-run", "-i", path, status=4)
    assert f"cannot decompress {path}" in run.stderr() and run.output().count(b"\n") > 2
    refused(case, ["--dry-run", "--resume", "-o", case.path("out"), "-i", text, *UPPER], 2, "exclude each other")


run_tests()
