# SPDX-License-Identifier: MIT
"""Programs that last: `--mode lines` and `--mode frames`. What they give is what the
program, run directly, gives; what goes wrong is said clearly and soon, and never hangs.
"""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

from dead_letters import read_dead_letters
from harness import SLOWNESS

MUTE = 'the program has never answered anything: "the program answered 0 of 5 lines'
SILENCE = 1.0 * SLOWNESS  # seconds; programs here are as fast as they can
NEVER = 0.3 * SLOWNESS


def parent_of(pid):
    """0 where it has gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])
    return 0


def numbered(count):
    return b"".join(b"line number %d of the text\n" % number for number in range(1, count + 1))


def directly(words, text):
    return subprocess.run(words, input=text, stdout=subprocess.PIPE, check=True).stdout


def lines(case, words, text, *options, status=0):
    run = case.run("fanfold", "--mode", "lines", "-j2", *options, "--", *words, stdin=text)
    assert run.status == status, (run.status, run.stderr())
    return run


PYTHON = [
    "/usr/bin/python3",
    "-u",
    "-c",
    "import sys\nfor number, line in enumerate(sys.stdin): print(line.rstrip('\\n')[::-1])",
]

FILTERS = [
    ["sed", "-u", "s/number/no./"],
    ["cat"],
    ["awk", "{ print length($0), $0; fflush() }"],
    ["grep", "--line-buffered", ""],
    PYTHON,
]
if "mawk" in os.path.realpath(subprocess.getoutput("command -v awk")):
    FILTERS[2].insert(1, "-W")
    FILTERS[2].insert(2, "interactive")


def test_filters_give_what_they_give_directly(case):
    text = numbered(2000)
    for words in FILTERS:
        expected = directly(words, text)
        for options in (["-N1"], ["-N7"], ["--block", "1k"], ["--block", "1M"]):
            assert lines(case, words, text, *options).output() == expected, (words, options)


def test_a_last_line_without_an_end_stays_so(case):
    for text in (b"a", b"a\nb", b"\n", b"a\n\nb", numbered(100)[:-1]):
        assert lines(case, ["cat"], text, "-N2").output() == text, text
    assert lines(case, ["cat"], b"").output() == b""


def test_each_slot_has_one_process(case):
    script = 'echo started >>"$NOTES"; exec cat'
    text = numbered(1000)
    words = ["--mode", "lines", "-j3", "-N1", "--", "sh", "-c", script]
    run = case.run("fanfold", *words, stdin=text, env={"NOTES": str(case.path("notes"))})
    run.expect(0)
    assert run.output() == text
    assert case.path("notes").read_text(encoding="ascii").count("started") == 3


# ---- Show 3: too few, too many, too late, never, exits ----

DOUBLES = "import sys\nfor line in sys.stdin: print(line, end=''); print(line, end='')"
DROPS = "import sys\nfor line in sys.stdin: print(line, end='') if ' 7 ' not in line else None"
DAWDLES = "import sys, signal\nfor line in sys.stdin: ' 7 ' in line and signal.pause(); print(line, end='')"


def expect_failure(case, words, pattern, *options):
    """The run stops with status 3, a sentence, and nothing left behind."""
    text = numbered(20)
    run = lines(case, words, text, "-N5", "--silence", str(SILENCE), *options, status=3)
    said = [line for line in run.stderr().splitlines() if "failed for good" in line]
    assert len(said) == 1 and re.search(pattern, said[0]), run.stderr()
    assert text.startswith(run.output()), "what is written is not the beginning"
    case.assert_no_leftovers()


def test_too_few_lines_are_said_with_what_to_do(case):
    words = ["/usr/bin/python3", "-u", "-c", DROPS]
    expect_failure(case, words, r"chunk 1 .*3 attempts: .*answered 4 of 5 lines and then wrote nothing for .*python -u")


def test_output_that_is_held_back_is_said_with_what_to_do(case):
    expect_failure(case, ["sed", "s/a/b/"], rf"after 1 attempt: {MUTE} .*--silence.*sed -u.*fflush.*stdbuf -oL")


def test_output_that_is_held_back_is_warned_of_before_anything_fails(case):
    words = ["--mode", "lines", "-j2", "-N5", "--silence", "0", "--", "sh", "-c", "cat >/dev/null"]
    run = case.start("fanfold", *words, stdin=numbered(20))
    run.wait_for_stderr(r"warn no_answer slot=\d why=.*read lines and has written nothing for 5 s.*sed -u.*as grep and many an awk filter do.*--mode exec", 60)
    run.signal(signal.SIGTERM)
    run.signal(signal.SIGTERM)
    run.wait(60)
    assert run.stderr().count("no_answer") == 1, run.stderr()


def test_a_program_that_answers_late_but_does_is_not_warned_of(case):
    for words in (["cat"], ["sh", "-c", "sleep 1; exec cat"]):
        run = lines(case, words, numbered(20), "-N5", "--silence", "3")
        assert "no_answer" not in run.stderr(), run.stderr()


def test_a_silence_after_an_answer_is_tried_again(case):
    script = "mkdir once && { read -r line; echo $line; sleep 1000; }; exec cat"
    text = numbered(5)
    words = ["--silence", str(SILENCE), "--workdir", case.directory, "-j1"]
    assert lines(case, ["sh", "-c", script], text, *words).output() == text


def test_too_many_lines_are_said(case):
    # At the latest with the chunk's last answer; before, where the program is seen to have read less.
    said = r"answered 5 lines with more lines|wrote lines that it was not asked for \(\d+ lines, when it had read \d+\)"
    expect_failure(case, ["/usr/bin/python3", "-u", "-c", DOUBLES], said)
    expect_failure(case, ["sed", "-u", "p"], said)


def test_a_program_that_writes_unasked_ends_the_worker_or_the_run(case):
    """Whichever comes first: a chunk that failed thrice, or ten lives without a chunk."""
    run = case.run("fanfold", "--mode", "lines", "-j2", "-N5", "--", "yes", stdin=numbered(20))
    assert run.status in (3, 4), run.stderr()
    assert "wrote lines that it was not asked for" in run.stderr() or "answered 5 lines with more" in run.stderr()
    assert run.output() == b"", run.output()
    case.assert_no_leftovers()


def test_too_late_is_a_failure(case):
    words = ["/usr/bin/python3", "-u", "-c", DAWDLES]
    expect_failure(case, words, r"chunk 1 .*longer than", "--silence", "0", "--timeout", str(NEVER))


def test_never_is_a_failure(case):
    expect_failure(case, ["sleep", "1000"], f"after 1 attempt: {MUTE} and then wrote nothing")


def test_an_early_end_is_a_failure(case):
    expect_failure(case, ["sed", "-u", "/ 7 /Q4"], r"chunk 1 .*exit status 4; .*answered 1 of 5 lines")
    expect_failure(case, ["head", "-n3"], r"answered 3 of 5 lines, then: exit status 0")
    script = "head -n3; echo no more of this >&2; kill -KILL $$"
    expect_failure(case, ["sh", "-c", script], r"signal 9 .*answered 3 of 5 lines.*no more of this")


def test_a_program_that_never_takes_a_chunk_ends_the_run(case):
    for mode in ("lines", "frames"):
        script = "echo no license >&2; exit 6"
        run = case.run("fanfold", "--mode", mode, "--prepare-each", "--", "sh", "-c", script, stdin=b"a\n")
        if mode == "lines":
            assert run.status == 2 and "--prepare-each needs --mode frames" in run.stderr(), run.stderr()
            run = case.run("fanfold", "--mode", mode, "--", "sh", "-c", script, stdin=b"a\n")
        assert run.status == 4, run.status
        assert re.search(r"again and again before it takes a chunk \(exit status 6\).*no license", run.stderr())


def test_what_is_bad_is_isolated_and_the_rest_in_place(case):
    text = numbered(100)
    words = ["--on-error", "isolate", "-N10", "-o", case.path("output")]
    lines(case, ["sed", "-u", "/ [37]7 /Q4"], text, *words, status=1)
    bad = [b"line number 37 of the text\n", b"line number 77 of the text\n"]
    expected = b"".join(line for line in text.splitlines(keepends=True) if line not in bad)
    assert case.path("output").read_bytes() == expected
    assert [letter.bytes for letter in read_dead_letters(case.path("output.dead-letters"))] == bad


def test_one_bad_answer_among_thousands_shifts_no_other(case):
    """Lines that are too many and too few, here and there, in bursts of short chunks."""
    count = 3000 if SLOWNESS == 1 else 1000
    text = numbered(count)
    script = (
        "import sys\nfor line in sys.stdin:\n"
        " number = int(line.split()[2])\n"
        " sys.stdout.write(line * (2 if number % 500 == 0 else 0 if number % 700 == 0 else 1)); sys.stdout.flush()"
    )
    options = ["--on-error", "skip", "--retries", "1", "--silence", str(2 * SILENCE), "-N1", "-o", case.path("output")]
    lines(case, ["/usr/bin/python3", "-u", "-c", script], text, *options, status=1)
    bad = [bad for bad in (500, 700, 1000, 1400, 1500, 2000, 2100, 2500, 2800, 3000) if bad <= count]
    letters = read_dead_letters(case.path("output.dead-letters"))
    assert [letter.bytes for letter in letters] == [b"line number %d of the text\n" % number for number in bad]
    expected = [line for line in text.splitlines(keepends=True) if int(line.split()[2]) not in bad]
    assert case.path("output").read_bytes() == b"".join(expected)


def test_stderr_comes_in_whole_lines_that_name_their_chunk(case):
    script = "import sys\nfor line in sys.stdin: print('about', line.strip(), file=sys.stderr); print(line, end='')"
    run = lines(case, ["/usr/bin/python3", "-u", "-c", script], numbered(20), "-N5", "--quiet")
    said = re.findall(r"^\[slot [12] seq \d+\] about line number (\d+) of the text$", run.stderr(), re.M)
    assert sorted(map(int, said)) == list(range(1, 21)), run.stderr()


# ---- frames ----

FRAMES = """
import os, struct, sys
read, write = sys.stdin.buffer.read, sys.stdout.buffer.write
if "ready" in sys.argv:
    write(b"\\xf4ff." + bytes(16))
    sys.stdout.flush()
late = None
if sys.argv[-1] == "leave":
    sys.exit(5)
while head := read(32):
    number, length, seq, attempt, records = struct.unpack(">QQQII", head)
    chunk = read(length)
    kind, result, announced = b"+", chunk.upper(), None
    if b"!error" in chunk:
        kind, result = b"-", b"no such gene"
    if b"!print" in chunk:
        print("hello", flush=True)
    if b"!long" in chunk:
        announced = 1 << 63
    if b"!half" in chunk:
        announced = len(result) + 1
    if b"!late" in chunk and late is None and attempt == 1:
        late = number, result
        continue
    write(b"\\xf4ff" + kind + struct.pack(">QQ", number, len(result) if announced is None else announced) + result)
    if b"!twice" in chunk:
        write(b"\\xf4ff" + kind + struct.pack(">QQ", number, len(result)) + result)
    if late is not None:
        write(b"\\xf4ff+" + struct.pack(">QQ", late[0], len(late[1])) + late[1])
        late = None
    sys.stdout.flush()
    if b"!half" in chunk:
        os.abort()
"""


def frames(case, text, *options, how="ready", status=0):
    program = [sys.executable, case.file("frames.py", FRAMES.encode()), how]
    run = case.run("fanfold", "--mode", "frames", "--prepare-each", "-j2", *options, "--", *program, stdin=text)
    assert run.status == status, (run.status, run.stderr())
    return run


def test_frames_go_to_and_fro(case):
    text = numbered(5000)
    chance = random.Random(1)
    binary = b"".join(chance.randbytes(chance.randrange(300)) + b"\n" for _ in range(500))
    for how in ("ready", "silent"):
        for options in (["-N1"], ["-N100"], ["--block", "1M"]):
            assert frames(case, text, *options, how=how).output() == text.upper(), (how, options)
    assert frames(case, binary, "-N3").output() == binary.upper()
    assert frames(case, b"").output() == b""


def expect_frames_failure(case, word, pattern):
    text = b"first\nsecond\n!" + word + b"\nlast\n"
    run = frames(case, text, "-N1", status=3)
    assert re.search(rf"chunk 2 .*failed for good after 3 attempts: {pattern}", run.stderr()), run.stderr()
    case.assert_no_leftovers()


def test_a_stray_print_is_named(case):
    expect_frames_failure(case, b"print", r'.*wrote .*hello.* to its standard output.*print to standard error')


def test_a_filter_under_mode_frames_is_told_so(case):
    for words in (["tr", "a-z", "A-Z"], ["cat"]):
        run = case.run("fanfold", "--mode", "frames", "--retries", "1", "--", *words, stdin=numbered(20000))
        run.expect(3)
        assert re.search(r"does not speak FRAMES/1, as no common filter does, leave out --mode frames", run.stderr()), run.stderr()


def test_an_error_response_is_the_message(case):
    expect_frames_failure(case, b"error", r"the program reported failure 1; .*no such gene")


def test_a_program_without_a_word_is_warned_of(case):
    """Whoever waits knows for what; and goes on to wait."""
    runs = []
    for words, said in [
        (["--", "sort"], "has read its first request, and has written nothing for 10 s: waiting for its response"),
        (["--prepare-each", "--", "sleep", "1000"], "has not read its first request yet"),
        (["--", "sleep", "1000"], 'not_prepared program="sleep" why="no word from it for 10 s'),
    ]:
        runs.append((case.start("fanfold", "--mode", "frames", "-j2", *words, stdin=b"a\n"), said))
    for run, said in runs:
        run.wait_for_stderr(re.escape(said), 60)
        run.signal(signal.SIGTERM)
        run.signal(signal.SIGTERM)
        run.wait(60)
        assert run.stderr().count(" warn ") == 1, run.stderr()


def test_a_crash_in_the_middle_of_a_response_is_named(case):
    expect_frames_failure(case, b"half", r"ended by signal 6")


def test_a_wrong_length_is_named_and_takes_no_memory(case):
    expect_frames_failure(case, b"long", r".*9223372036854775808 bytes")


def expect_the_same(case, word, hint):
    """The chunk whose response it would have been is run again, and no other shifts."""
    text = b"".join(b"%s %d\n" % (word if n in range(300, 800, 100) else b"good", n) for n in range(1000))
    options = ["-N1", "--timeout", str(20 * SLOWNESS)]
    run = frames(case, text, *options)
    assert run.output() == text.upper()
    assert ", 0 retries" not in run.stderr(), run.stderr()
    run = frames(case, text, *options, "--retries", "1", status=3)
    said = rf"failed for good after 1 attempt: .*answered request \d+(, but no request was open| instead of request \d+): {hint}"
    assert re.search(said, run.stderr()), run.stderr()
    assert text.upper().startswith(run.output()), "what is written is not the beginning"
    case.assert_no_leftovers()


def test_a_program_that_answers_twice_shifts_no_answer(case):
    expect_the_same(case, b"!twice", "it must answer each request once")


def test_a_program_that_answers_out_of_order_swaps_no_answers(case):
    expect_the_same(case, b"!late", "it must answer requests in their order")


def test_parts_of_a_chunk_are_told_apart(case):
    """They have one seq, and one attempt."""
    text = b"".join({1: b"!twice %d\n", 3: b"!error %d\n"}.get(n % 10, b"good %d\n") % n for n in range(100))
    options = ["-N10", "--on-error", "isolate", "--retries", "1", "-o", case.path("output")]
    frames(case, text, *options, status=1)
    letters = [letter.bytes for letter in read_dead_letters(case.path("output.dead-letters"))]
    expected = [line for line in text.splitlines(keepends=True) if line not in letters]
    assert all(b"!error %d\n" % n in letters for n in range(3, 100, 10)), letters
    assert case.path("output").read_bytes() == b"".join(expected).upper()


def test_a_program_that_is_ready_and_leaves_ends_the_run(case):
    run = frames(case, b"a\n", how="leave", status=4)
    assert re.search(r"again and again before it takes a chunk \(exit status 5\)", run.stderr()), run.stderr()


def test_an_error_does_not_cost_the_process(case):
    text = b"".join(b"!error\n" if number % 10 == 0 else b"good %d\n" % number for number in range(100))
    run = frames(case, text, "-N1", "--on-error", "skip", "--retries", "1", "-o", case.path("output"), status=1)
    good = [line for line in text.upper().splitlines(keepends=True) if b"ERROR" not in line]
    assert case.path("output").read_bytes() == b"".join(good), run.stderr()


# ---- the end ----


def test_a_program_that_does_not_end_is_ended(case):
    script = "trap '' TERM; while read -r line; do echo $line; done; sleep 1000 & sleep 1000"
    assert lines(case, ["sh", "-c", script], numbered(10)).output() == numbered(10)
    case.assert_no_leftovers()


def test_nothing_is_left_when_the_worker_is_killed(case):
    script = "trap '' TERM HUP; sleep 1000 & while read -r line; do sleep 1000; done"
    words = ["--mode", "lines", "-j2", "-N1", "--", "sh", "-c", script]
    run = case.start("fanfold", *words, stdin=numbered(10))
    case.wait_for(lambda: len(case.pids_of("sleep")) == 4, "two chunks to be begun")
    first = case.pids_of("sleep")
    (worker,) = [pid for pid in case.pids_of("fanfold-worker") if parent_of(pid) == run.pid]
    os.kill(worker, signal.SIGKILL)
    case.wait_for(lambda: not set(first) & set(case.pids_of("sleep")), "what was left to be ended")
    run.signal(signal.SIGTERM)
    run.signal(signal.SIGTERM)
    run.wait(60)
    case.assert_no_leftovers()


def test_what_does_not_go_together_is_refused(case):
    for words, said in [
        (["--mode", "frame", "--", "cat"], "expected exec, lines or frames"),
        (["--silence", "5", "--", "cat"], "--silence needs --mode lines"),
        (["--mode", "lines", "--silence", "soon", "--", "cat"], "expected a duration"),
        (["--mode", "lines", "--plugin", "x.so"], "--mode is not for plugins"),
    ]:
        run = case.run("fanfold", *words, stdin=b"a\n")
        assert run.status == 2 and said in run.stderr(), (words, run.status, run.stderr())
