# SPDX-License-Identifier: MIT
"""What programs print to standard error arrives, whoever reads it, and however slowly."""

import os
import select
import signal

import pytest
from unread import numbers, start

SLOTS = 8
LINES = 20_000
TALK = f"cat; seq {LINES} >&2"


def chunks(count):
    return b"".join(b"%d\n" % n for n in range(count))


def expect_all(text, count, lines=LINES):
    """The lines of all chunks, each once and in order."""
    found = numbers(text)
    assert sorted(found) == list(range(count)), sorted(found)
    for seq, printed in found.items():
        assert printed == list(range(1, lines + 1)), f"chunk {seq}: {len(printed)} lines"


def test_a_file_gets_every_line(case):
    run = case.run("fanfold", "--quiet", "-j", SLOTS, "-N1", "--", "sh", "-c", TALK, stdin=chunks(32))
    run.expect(0)
    assert run.output() == chunks(32)
    expect_all(run.stderr(), 32)


def test_a_slow_reader_gets_every_line_and_the_worker_stays_small(case):
    run, pipe = start(case, "-j", SLOTS, "-N1", "--", "sh", "-c", f"seq {3 * LINES} >&2; cat", stdin=chunks(SLOTS))
    pipe.wait_full()
    workers = case.pids_of("fanfold-worker")
    before = case.resident_bytes(workers)
    for _ in range(20):
        pipe.wait_full()
        pipe.read()
    assert case.resident_bytes(workers) < before + (8 << 20)
    text = pipe.read_to_the_end(run, slowly=True)
    run.expect(0)
    assert run.output() == chunks(SLOTS)
    expect_all(text, SLOTS, 3 * LINES)
    pipe.close()


MODES = {
    "lines": ["--mode", "lines", "-N1", "--", "sh", "-c", f"while read x; do seq {LINES} >&2; echo $x; done"],
    "shell": ["-N1", "--shell", TALK],
}


@pytest.mark.parametrize("mode", MODES)
def test_a_slow_reader_in_each_mode(case, mode):
    run, pipe = start(case, "-j2", *MODES[mode], stdin=chunks(16))
    text = pipe.read_to_the_end(run, slowly=True)
    run.expect(0)
    assert run.output() == chunks(16)
    if mode == "shell":
        expect_all(text, 16)
    assert sum(map(len, numbers(text).values())) == 16 * LINES
    pipe.close()


def test_a_slow_reader_of_parts_of_a_chunk(case):
    script = f"cat > its.$$; seq $(($$ * 100000 + 1)) $(($$ * 100000 + {LINES})) >&2; ! grep -qx 7 its.$$ && cat its.$$"
    run, pipe = start(case, "-j2", "-N4", "--on-error", "isolate", "--", "sh", "-c", script, stdin=chunks(16))
    text = pipe.read_to_the_end(run, slowly=True)
    run.expect(1)
    assert run.output() == chunks(16).replace(b"\n7\n", b"\n")
    for printed in numbers(text).values():
        assert [number % 100000 for number in printed] == [*range(1, LINES + 1)] * (len(printed) // LINES)
    pipe.close()


def test_a_failure_has_the_last_lines(case):
    run, pipe = start(case, "-j2", "-N1", "--retries", "1", "--", "sh", "-c", f"{TALK}; echo last words >&2; exit 7", stdin=b"x\n")
    text = pipe.read_to_the_end(run, slowly=True)
    run.expect(3)
    assert "] last words\n" in text
    assert "fanfold-ventilator: " in text
    assert text.count("last words") > 1, "the failure does not say it"
    pipe.close()


def test_a_time_limit_counts_while_nobody_reads(case):
    script = f"echo $$ > pid; seq {10 * LINES} >&2; cat"
    run, pipe = start(case, "-j2", "-N1", "--retries", "1", "--timeout", "0.5", "--", "sh", "-c", script, stdin=b"x\n")
    pipe.wait_full()
    pid = int(case.path("pid").read_text(encoding="ascii"))
    case.wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the program to be ended")
    assert run.running()
    text = pipe.read_to_the_end(run)
    run.expect(3)
    printed = numbers(text)[0][:-1]  # the last may have been cut
    assert printed == list(range(1, len(printed) + 1))
    assert str(printed[-1]) in text.split("fanfold-ventilator: ", 1)[1], "the failure does not say it"
    pipe.close()


def test_a_run_that_is_told_to_end_waits_for_its_reader(case):
    run, pipe = start(case, "-j2", "-N1", "--", "sh", "-c", f"seq {5 * LINES} >&2; cat", stdin=chunks(500))
    while b"seq 3]" not in pipe.read():
        case.wait_for(lambda: len(pipe.text) < len(pipe.read()), "more lines")
    pipe.wait_full()
    run.signal(signal.SIGTERM)
    text = pipe.read_to_the_end(run, slowly=True)
    run.expect(143)
    found = numbers(text)
    expect_all(text, len(found), 5 * LINES)
    assert len(found) < 500
    pipe.close()


def test_a_terminal_gets_every_line(case):
    ours, theirs = os.openpty()
    script = f'exec fanfold --quiet -j2 -N1 -- sh -c "{TALK}" 2> {os.ttyname(theirs)}'
    run = case.start("bash", "-c", script, stdin=chunks(4))
    text = b""
    while run.running():
        if select.select([ours], [], [], 0.1)[0]:
            text += os.read(ours, 1 << 16)
    while select.select([ours], [], [], 0)[0]:
        text += os.read(ours, 1 << 16)
    run.expect(0)
    expect_all(text.decode().replace("\r\n", "\n"), 4)
    os.close(ours)
    os.close(theirs)


def test_a_reader_that_leaves_stops_nobody(case):
    run, pipe = start(case, "-j2", "-N1", "--", "sh", "-c", f"seq {5 * LINES} >&2; cat", stdin=chunks(8))
    pipe.wait_full()
    pipe.close()
    run.expect(0)
    assert run.output() == chunks(8)
