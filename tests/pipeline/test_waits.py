# SPDX-License-Identifier: MIT
"""What each program says after ten seconds of the same wait: to a person, or in the log alone."""

import subprocess

WAITS = ": waiting for "


def start_all(case, *words, level="info", script="cat", stdin=subprocess.PIPE):
    meet = case.endpoints()
    sink = case.start("fanfold-sink", *meet, "--log-level", level)
    ventilator = case.start("fanfold-ventilator", *meet[:2], *words, "--log-level", level, stdin=stdin)
    worker = case.start("fanfold-worker", *meet[:2], "-j2", "--log-level", level, "--", "sh", "-c", script)
    return ventilator, worker, sink


def test_an_input_that_gives_nothing_is_in_the_log(case):
    ventilator, worker, sink = start_all(case)
    ventilator.wait_for_stderr(r"^fanfold-ventilator: info waits for=input seq=0 seconds=10$")
    worker.wait_for_stderr(r"^fanfold-worker: info waits for=tasks seconds=10$")
    ventilator.stdin.write(b"a\n")
    ventilator.stdin.close()
    for process in (ventilator, worker, sink):
        process.expect(0)
    assert sink.output() == b"a\n" and "waits" not in sink.stderr()


def test_a_chunk_that_takes_its_time_is_in_the_log_and_nowhere_else(case):
    gate = case.gate()
    script = f'[ "$FANFOLD_SEQ" != 0 ] || : <{gate}; cat'
    logged = start_all(case, "-N1", script=script, stdin=b"a\nb\n")
    quiet = case.start("fanfold", "--no-progress", "-N1", "-j2", "--", "sh", "-c", script, stdin=b"a\nb\n")
    ventilator, worker, sink = logged
    ventilator.wait_for_stderr(r"^fanfold-ventilator: info waits for=result seq=0 host=\S+ pid=%d seconds=10$" % worker.pid)
    sink.wait_for_stderr(r"^fanfold-sink: info waits for=result seq=0 seconds=10 ")
    gate.open()
    for process in (*logged, quiet):
        process.expect(0)
    assert "waits" not in worker.stderr()
    (line,) = quiet.stderr().splitlines()
    assert " in " in line and WAITS not in line, line


def test_an_output_that_nobody_reads_is_in_the_log(case):
    sink = case.start("fanfold-sink", *case.endpoints(), "--log-level", "info", stdout=subprocess.PIPE)
    meet = case.endpoints()[:2]
    ventilator = case.start("fanfold-ventilator", *meet, "--log-level", "info", stdin=b"a\n" * (1 << 20))
    worker = case.start("fanfold-worker", *meet, "--", "cat")
    sink.wait_for_stderr(r"^fanfold-sink: info waits for=output seq=\d seconds=1\d$")
    ventilator.wait_for_stderr(r"^fanfold-ventilator: info waits for=output seq=\d seconds=1\d$")
    assert len(sink.popen.stdout.read()) == 2 << 20
    for process in (ventilator, worker, sink):
        process.expect(0)


def test_who_has_lost_its_ventilator_says_again_that_it_waits(case):
    meet = case.endpoints()
    sink = case.start("fanfold-sink", *meet)
    worker = case.start("fanfold-worker", *meet[:2], "--", "cat")
    for process in (worker, sink):
        process.wait_for_stderr(WAITS + "a ventilator at ")
    ventilator = case.start("fanfold-ventilator", *meet[:2], "--liveness", "1", stdin=subprocess.PIPE)
    ventilator.stdin.write(b"a\n")
    ventilator.stdin.flush()
    case.wait_for(lambda: sink.output() == b"a\n", "the first result")
    ventilator.popen.kill()
    for process in (worker, sink):
        case.wait_for(lambda: process.stderr().count(WAITS + "a ventilator at ") == 2, "it to say so again")
    for process in (worker, sink):
        process.popen.terminate()
        process.wait()
