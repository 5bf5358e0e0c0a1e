# SPDX-License-Identifier: MIT
"""What a run says of itself: progress, one line at its end, or nothing."""

import contextlib
import os
import re
import signal

from endings import LINES, ends


def test_quiet_is_quiet(case):
    ends(case, ["--quiet", "-N10", "--", "cat"], 0)
    said = "^fanfold-ventilator: chunk 0 .* exit status 1; if status 1 means .*$"
    ends(case, ["--quiet", "--", "false"], 3, said)


def test_all_is_well_in_one_line(case):
    said = r"^fanfold-ventilator: [\d.]+ KiB in [\d.]+ s \([\d.]+ [KM]iB/s\), 300 chunks, \d+ retr(y|ies)$"
    run = ends(case, ["-N10", "--", "cat"], 0, said)
    assert run.output() == LINES


def start_at_terminal(case, redirections, *words):
    """Its stderr is a terminal; returns the run, and what reads the terminal so far."""
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    terminal = os.ttyname(theirs)
    words = " ".join(map(str, words))
    run = case.start("bash", "-c", f"exec fanfold {words} 2>{terminal} {redirections.format(terminal)}")
    seen = bytearray()

    def read():
        with contextlib.suppress(BlockingIOError):
            while True:
                seen.extend(os.read(ours, 4096))
        return seen.decode()

    read.keep_open = theirs
    return run, read


def test_progress_of_a_file_is_in_per_cent_and_makes_room_for_an_interrupt(case):
    case.file("lines", LINES)
    gate = case.gate("go")
    script = "'[ $FANFOLD_SEQ != 1 ] || : <go; cat'"
    run, read = start_at_terminal(case, ">out", "-j1 -N1500 -i lines -- sh -c", script)
    line = r"\r\x1b\[K\d+\.\d KiB done \(4\d%\)  \d+.*/s  1 of 2 chunks  1/1 busy  0 retries"
    case.wait_for(lambda: re.search(line, read()), "a line of progress")
    run.signal_group(signal.SIGINT)
    said = "\r\x1b[Kfanfold: interrupted: it finishes the running tasks; a second signal stops it\r\n"
    case.wait_for(lambda: said in read(), "a word of the interrupt")
    gate.open()
    run.expect(0)  # both chunks had been given out: nothing was left to interrupt
    assert max(map(len, re.split(r"\r\x1b\[K|\r\n", read()))) < 80, read()


def test_a_line_of_a_program_is_not_glued_to_the_line_of_progress(case):
    case.file("lines", LINES)
    gate = case.gate("go")
    script = "'[ $FANFOLD_SEQ != 1 ] || : <go; printf asked: >&2; cat'"
    run, read = start_at_terminal(case, ">out", "-j2 -N1500 -i lines -- sh -c", script)
    case.wait_for(lambda: "1 of 2 chunks" in read(), "a line of progress")
    gate.open()
    run.expect(0)
    lines = re.findall(r"[^\r\n]*asked:", read())
    assert len(lines) == 2 and all(re.fullmatch(r"(\x1b\[K)?\[slot \d seq \d\] asked:", line) for line in lines), read()


def test_progress_is_not_shown_where_the_output_goes(case):
    case.file("lines", LINES)
    script = "'sleep 0.3; wc -l'"
    for redirections, words, shown in (
        (">{}", "", False),
        (">{}", "--progress", True),
        (">{}", "-o out", True),
        (">out", "", True),
        (">out", "--no-progress", False),
        (">out", "--progress --quiet", False),
    ):
        run, read = start_at_terminal(case, redirections, words, "-i lines -- sh -c", script)
        run.expect(0)
        assert ("done (" in read()) is shown, (redirections, words, read())


def test_a_run_that_resumes_says_what_was_done_and_sums_the_whole_up(case):
    for name, stdin in (("file", None), ("pipe", LINES)):
        case.file("lines", LINES)
        words = ["-N100", "-o", name, *(["-i", "lines"] if stdin is None else []), "--", "sh", "-c"]
        first = case.run("fanfold", *words, "[ -e mended ] || [ $FANFOLD_SEQ -lt 7 ] && cat", stdin=stdin)
        first.expect(3)
        chunks = int(re.search(r"whole up to chunk (\d+) ", first.stderr())[1])
        case.file("mended", b"")
        run = case.run("fanfold", "--resume", *words, "[ -e mended ] || [ $FANFOLD_SEQ -lt 7 ] && cat", stdin=stdin)
        case.path("mended").unlink()
        run.expect(0)
        assert case.path(name).read_bytes() == LINES
        resuming, end = run.reasons()
        done = len(b"".join(LINES.splitlines(True)[: chunks * 100])) / 1024
        assert resuming == f"fanfold-ventilator: resuming: {chunks} chunks ({done:.1f} KiB) were done before", resuming
        left = len(LINES) / 1024 - done
        said = rf"^fanfold-ventilator: {left:.1f} KiB \(and {done:.1f} KiB done before\) in [\d.]+ s \(.*/s\), 30 chunks \({chunks} of them done before\), 0 "
        assert re.search(said, end), end


def test_a_run_that_resumes_quietly_says_nothing(case):
    case.file("lines", LINES)
    words = ["--quiet", "-N100", "-i", "lines", "-o", "out", "--", "sh", "-c"]
    case.run("fanfold", *words, "[ $FANFOLD_SEQ -lt 7 ] && cat").expect(3)
    run = case.run("fanfold", "--resume", *words, "cat")
    run.expect(0)
    assert run.reasons() == [], run.reasons()


def test_a_run_with_fewer_chunks_than_slots_names_a_shorter_block(case):
    """The same run is silent with --quiet, and a run that ends at once is silent anyway."""
    case.file("lines", LINES)
    words = ["-j4", "-i", "lines", "--", "sh", "-c", "sleep 2; cat"]
    long, quiet = case.start("fanfold", *words), case.start("fanfold", "--quiet", *words)
    ends(case, words[:-1] + ["cat"], 0, "^fanfold-ventilator: .* 1 chunk, 0 retries$")
    long.expect(0)
    summary, hint = long.reasons(hints=True)
    said = re.search(r"^fanfold-ventilator: hint: the slots had less than a chunk each, 1 for 4; shorter chunks .*: (--block \w+), or fewer records with -N$", hint)
    assert said and "1 chunk, " in summary, long.stderr()
    quiet.expect(0)
    assert quiet.reasons(hints=True) == [], quiet.stderr()
    again = case.run("fanfold", *said[1].split(), *words[:-1], "cat")
    assert int(re.search(r" (\d+) chunks, ", again.stderr())[1]) >= 16, again.stderr()


def test_a_run_whose_output_nobody_reads_for_long_says_that_slots_waited(case):
    case.file("lines", LINES * 20)
    run = case.shell("fanfold -j2 -i lines -- cat | (sleep 3; cat >out)")
    run.expect(0)
    assert case.path("out").read_bytes() == LINES * 20
    said = r"^fanfold-ventilator: hint: the slots had nothing to do for [5-9]\d% of their time, as the output "
    assert re.search(said, run.stderr(), re.M), run.stderr()


def test_a_command_that_mostly_starts_is_told_of_and_what_starts_it_less_often(case):
    """Where chunks fill a pipe, the first read is seen; where they are small, and many, their time is."""
    text = LINES[:16000]
    run = case.run("fanfold", "-j2", "--block", "16000", "--", "sh", "-c", "sleep 0.2; cat", stdin=text * 24)
    run.expect(0)
    hint, _ = sorted(run.reasons(hints=True), key=lambda line: "MiB" in line or "KiB" in line)
    said = r"^fanfold-worker: hint: the command took ([5-9]\d|100)% of its time to start, .* (2[4-6]) times; .*\(--block, -N\) "
    assert re.search(said, hint), run.stderr()


def test_a_command_that_reads_at_once_is_not_told_of(case):
    run = case.run("fanfold", "-j2", "--block", "16000", "--", "sh", "-c", "cat; sleep 0.2", stdin=LINES[:16000] * 24)
    run.expect(0)
    assert len(run.reasons(hints=True)) == 1, run.stderr()
