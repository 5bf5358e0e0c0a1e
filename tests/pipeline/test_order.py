# SPDX-License-Identifier: MIT
"""Order under disorder: chunks that take random times come out in sequence.

That they came in out of sequence is the sink's word: its `end` event counts the results
that had to wait for an older one.
"""

import re

# Waits 0 to 50 ms, then passes the chunk on. The wait is the work of the user's program.
WAIT_AND_PASS = ["perl", "-e", "select undef, undef, undef, rand 0.05; print while <STDIN>"]


def numbered_lines(count):
    return b"".join(b"%d the line of that number\n" % number for number in range(count))


def start_disorder(case, content, *sink_options):
    """Three workers of 3, 3 and 2 slots; the sink and all that is to end."""
    at = case.endpoints()
    sink = case.start("fanfold-sink", *at, *sink_options, "--log-level", "info")
    workers = [
        case.start("fanfold-worker", *at[:2], "-j", slots, "--", *WAIT_AND_PASS) for slots in (3, 3, 2)
    ]
    ventilator = case.start(
        "fanfold-ventilator", *at[:2], "--min-workers", 3, "-N", 10, stdin=content
    )
    return sink, [ventilator, *workers]


def parked_of(sink):
    return int(re.search(r"\bend status=0 .*\bparked=(\d+)", sink.stderr())[1])


def test_random_run_times_over_3_workers_come_out_in_order(case):
    content = numbered_lines(6000)
    sink, others = start_disorder(case, content)
    for process in [sink, *others]:
        process.expect(0)
    assert sink.output() == content
    parked = parked_of(sink)
    assert parked > 100, f"only {parked} of 600 results came before an older one"


def test_unordered_output_is_the_same_chunks_in_another_order(case):
    content = numbered_lines(6000)
    sink, others = start_disorder(case, content, "--unordered")
    for process in [sink, *others]:
        process.expect(0)
    output = sink.output()
    assert output != content, "600 chunks of random times came in order"
    assert sorted(output.splitlines()) == sorted(content.splitlines())
    lines = output.splitlines()
    for begin in range(0, len(lines), 10):
        first = int(lines[begin].split()[0])
        chunk = [int(line.split()[0]) for line in lines[begin : begin + 10]]
        assert chunk == list(range(first, first + 10)), f"a chunk is torn: {chunk}"


def test_the_same_under_fanfold(case):
    content = numbered_lines(4000)
    run = case.run("fanfold", "-j8", "-N10", "--log-level", "info", "--", *WAIT_AND_PASS, stdin=content)
    run.expect(0)
    assert run.output() == content
    assert parked_of(run) > 50, run.stderr()


def test_a_slow_first_chunk_holds_all_others_back(case):
    content = numbered_lines(300)
    gate = case.gate("go")
    hold = 'if [ "$FANFOLD_SEQ" = 0 ]; then : <go; fi; cat; : > "did-$FANFOLD_SEQ"'
    run = case.start("fanfold", "-j3", "-N1", "--log-level", "info", "--", "sh", "-c", hold, stdin=content)
    case.wait_for(lambda: len(list(case.directory.glob("did-*"))) == 299, "all others to be done")
    assert run.output() == b""
    gate.open()
    run.expect(0)
    assert run.output() == content
    assert parked_of(run) > 290, run.stderr()


def test_the_smallest_buffer_is_not_the_default_one(case):
    """Results that wait for the first go to the file instead of memory."""
    gate = case.gate("seen")
    script = '[ "$FANFOLD_SEQ" != 0 ] || : <seen; : > "seen-$FANFOLD_SEQ"; cat'
    words = ["-j2", "--window", "4", "--buffer", "1", "-N100", "--log-level", "info", "-i", "lines"]
    lines = numbered_lines(3000)
    case.file("lines", lines)
    run = case.start("fanfold", *words, "--", "sh", "-c", script)
    case.wait_for(case.path("seen-3").exists, "three chunks to be done")
    gate.open()
    run.expect(0)
    assert run.output() == lines
    spilled = re.search(r"^fanfold-sink: info end .* spilled=(\d+)", run.stderr(), re.M)
    assert int(spilled[1]) > 0, spilled[0]
