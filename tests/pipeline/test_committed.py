# SPDX-License-Identifier: MIT
"""What feeds a run hears how much of it is committed, and may begin there when the run resumes."""

import os
import re
import signal
import subprocess

import zmq
from input_files import UPPER
from messages import bind, sockets


def lines(first, end):
    return b"".join(b"line %06d\n" % number for number in range(first, end))


def told(path):
    """The lines of --committed-fd, as numbers."""
    return [tuple(map(int, line.split())) for line in path.read_text().splitlines()]


def test_each_commit_tells_chunks_records_and_bytes(case):
    notes = case.path("notes")
    text = lines(0, 5000)
    with open(notes, "wb") as file:
        run = case.run(
            *["fanfold", "--committed-fd", file.fileno(), "-N", "10", "-j2", "-o", case.path("out"), *UPPER],
            stdin=text,
            pass_fds=[file.fileno()],
        )
    assert run.status == 0, run.stderr()
    numbers = told(notes)
    assert numbers[-1] == (500, 5000, len(text))
    assert numbers == sorted(set(numbers))
    for seq, records, size in numbers:
        assert records == 10 * seq and size == 12 * records


def test_bytes_and_records_count_through_several_inputs(case):
    first, second = case.file("first", lines(0, 100)), case.file("second", lines(100, 300))
    with open(case.path("notes"), "wb") as file:
        case.run(
            *["fanfold", "--committed-fd", file.fileno(), "-i", first, "-i", second, "-j1", *UPPER],
            pass_fds=[file.fileno()],
        ).expect(0)
    assert told(case.path("notes"))[-1] == (2, 300, 3600)


def test_a_reader_that_reads_nothing_holds_nobody_up(case):
    reader, writer = os.pipe()
    run = case.start(
        *["fanfold", "--committed-fd", writer, "-N", "1", "-j2", "--mode", "lines", "--", "cat"],
        stdin=lines(0, 20000),
        pass_fds=[writer],
    )
    os.close(writer)
    run.expect(0)
    assert run.output() == lines(0, 20000)
    with open(reader, "rb") as file:
        assert file.read().endswith(b"\n")


def test_a_reader_that_is_gone_holds_nobody_up(case):
    reader, writer = os.pipe()
    os.close(reader)
    run = case.start(
        *["fanfold", "--committed-fd", writer, "-j2", "--", "cat"], stdin=lines(0, 1000), pass_fds=[writer]
    )
    os.close(writer)
    run.expect(0)
    assert "committed_fd closed=1" in run.stderr()


def test_a_descriptor_that_is_not_open_is_refused(case):
    run = case.run("fanfold", "--committed-fd", "77", "--", "cat", stdin=b"")
    assert run.status == 2
    assert "--committed-fd: '77': expected a descriptor that is open" in run.stderr()


# ---- where the feeder begins ----


def committed(case, out):
    run = case.run("fanfold", "--committed", "-o", out)
    assert run.status == 0, run.stderr()
    return tuple(map(int, run.output().split()))


def test_an_output_says_how_much_of_the_input_it_has(case):
    out = case.path("out")
    assert committed(case, out) == (0, 0, 0)
    case.file("other", b"text")
    run = case.run("fanfold", "--committed", "-o", case.path("other"))
    assert run.status == 2
    assert "has no journal" in run.stderr()
    assert case.run("fanfold", "--committed").status == 2


def test_a_spool_says_how_much_of_the_input_it_has(case):
    """As fanfold-sink does, with the same words."""
    words = ["--committed", "-o", f"dealer:ipc://{case.path('nobody')}", "--spool-out", case.path("spool")]
    run = case.start("fanfold", *words[1:], "-N10", "-j1", "--", "cat", stdin=subprocess.PIPE)
    run.stdin.write(lines(0, 100))
    run.stdin.flush()

    def said(program):
        asked = case.run(program, *words)
        return case.path("spool").exists() and asked.status == 0 and asked.output()

    case.wait_for(lambda: said("fanfold-sink") == b"10 100 1200\n", "a commit")
    assert said("fanfold") == b"10 100 1200\n"
    run.signal(signal.SIGKILL)
    run.expect(137)


def kill_when_some_is_committed(case, out, feed):
    """A run that a pipe feeds, killed in its middle."""
    run = case.start("fanfold", "-N", "10", "-j2", "-o", out, "--", "cat", stdin=subprocess.PIPE)
    run.stdin.write(feed)
    run.stdin.flush()
    case.wait_for(lambda: out.exists() and case.path("out.fanfold").exists() and committed(case, out)[0] > 0, "a commit")
    asked = case.run("fanfold", "--committed", "-o", out)
    assert re.search(rf"^fanfold-sink: {out} is being written by fanfold-sink \(process \d+\): it may commit more$", asked.stderr(), re.M), asked.stderr()
    run.signal(signal.SIGKILL)
    run.expect(137)


def test_a_feeder_that_seeks_begins_where_the_output_stopped(case):
    """As the manual has it: nothing twice, nothing missing, twice in a row."""
    out, text = case.path("out"), lines(0, 3000)
    kill_when_some_is_committed(case, out, text[:20000])
    for end in (30000, len(text)):
        seq, records, at = committed(case, out)
        assert (records, at) == (10 * seq, 120 * seq)
        run = case.start(
            *["fanfold", "--resume", "--from-committed", "-N", "10", "-j2", "-o", out, "--", "cat"],
            stdin=subprocess.PIPE,
        )
        run.stdin.write(text[at:end])
        run.stdin.flush()
        if end < len(text):
            case.wait_for(lambda before=seq: committed(case, out)[0] > before, "another commit")
            run.signal(signal.SIGKILL)
            run.expect(137)
        else:
            run.stdin.close()
            run.expect(0)
    assert out.read_bytes() == text


def test_from_committed_is_for_a_stream_that_resumes(case):
    text = case.file("text", lines(0, 3000))
    run = case.run("fanfold", "--from-committed", "--", "cat", stdin=b"")
    assert run.status == 2
    assert "--from-committed needs --resume" in run.stderr()
    out = case.path("out")
    kill_when_some_is_committed(case, out, lines(0, 1000))
    run = case.run("fanfold", "--resume", "--from-committed", "-N", "10", "-i", text, "-o", out, "--", "cat")
    assert run.status == 4
    assert "--from-committed is for one input that is no file" in run.stderr()


def test_a_run_of_messages_that_is_stopped_says_the_words_that_resume_it(case):
    gate, out = case.gate(), case.path("out")
    with sockets() as make:
        feeder = make(zmq.PUSH)
        words = ["fanfold", "-i", f"pull:{bind(feeder, case)}", "-o", out, "-j1", "-N1", "--", "sh", "-c", f"cat; : <{gate}"]
        run = case.start(*words)
        for number in range(5):
            feeder.send(b"old %d" % number)
        gate.open()
        case.wait_for(lambda: committed(case, out)[1] == 5, "all to be committed")
        gate.shut()
        feeder.send(b"held")
        case.wait_for(lambda: case.pids_of("sh"), "one to run")
        run.signal(signal.SIGTERM)
        run.wait_for_stderr("a second signal stops it")
        run.signal(signal.SIGTERM)
        run.expect(143)
        gate.open()
        assert re.search("repeat the command with --resume --from-committed to continue$", run.stderr(), re.M), run.stderr()
        case.run(words[0], "--resume", "--from-committed", "--idle", "0.1", *words[1:]).expect(0)


def test_messages_go_on_behind_what_is_committed(case):
    out = case.path("out")
    with sockets() as make:
        feeder = make(zmq.PUSH)
        left = feeder.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        words = ["fanfold", "-i", f"pull:{bind(feeder, case)}", "-o", out, "-j1", "--", "cat"]
        run = case.start(*words)
        for number in range(50):
            feeder.send(b"old %d" % number)
        case.wait_for(lambda: case.path("out.fanfold").exists() and committed(case, out)[1] == 50, "all to be committed")
        run.signal(signal.SIGKILL)
        run.expect(137)
        case.assert_no_leftovers()
        assert left.poll(30000)  # what is sent to a run that is gone is lost
        words[1:1] = ["--resume", "--from-committed", "--end-message", "END"]
        run = case.start(*words)
        for message in (b"new", b"END"):
            feeder.send(message)
        run.expect(0)
    assert out.read_bytes() == b"".join(b"old %d\n" % number for number in range(50)) + b"new\n"
