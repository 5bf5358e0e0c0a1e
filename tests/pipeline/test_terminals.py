# SPDX-License-Identifier: MIT
"""Ventilator, workers and sink by hand, as a person at three terminals has them."""

import itertools
import re
import signal
import socket

import pytest

UPPER = ["--", "tr", "a-z", "A-Z"]
LINES = b"".join(b"line number %d\n" % number for number in range(3000))

# Says "WHO SEQ" in `log` when it begins, and stops at $GATE.
HOLD = 'echo "$WHO $FANFOLD_SEQ" >> log; : <"$GATE"; cat'
HELD = ["-j1", "--", "sh", "-c", HOLD]
FINISHING = "fanfold-ventilator: interrupted: finishing 1 running chunk; again to stop at once"


def expect_all(processes, status=0):
    for process in processes:
        process.expect(status)


def expect_nothing_left(case):
    case.assert_no_leftovers()
    case.assert_no_files_left()


def log_of(case):
    """Who began which chunk, in order: [("a", 0), ...]."""
    path = case.path("log")
    lines = path.read_text().splitlines() if path.exists() else []
    return [(line.split()[0], int(line.split()[1])) for line in lines]


def start_held(case, who, gate="go"):
    env = {"WHO": who, "GATE": str(case.gate(gate))}
    return case.start("fanfold-worker", *HELD, env=env, name=f"worker-{who}")


def wait_for_work_of(case, who):
    case.wait_for(lambda: who in dict(log_of(case)), f"worker {who} to begin a chunk")


def wait_until_taken(case, process, number):
    """Until the signal is no more pending, as a second one of its kind would be the same."""

    def taken():
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            pending = re.search(r"^ShdPnd:\s*([0-9a-f]+)$", status.read(), re.M)[1]
        return not int(pending, 16) & 1 << (number - 1)

    case.wait_for(taken, f"{process.name} to take signal {number}")


# ---- start order ----


def start_in_order(case, roles):
    """No option names an endpoint."""
    path = case.file("in", LINES)
    processes = []
    for role in roles:
        if role == "sink":
            processes.append(case.start("fanfold-sink", "-o", "OUT"))
        elif role == "worker":
            processes += [case.start("fanfold-worker", *UPPER) for _ in range(2)]
        else:
            options = ["--min-workers", 2, "--block", "1K", "-i", path]
            processes.append(case.start("fanfold-ventilator", *options))
    return processes


@pytest.mark.parametrize("roles", itertools.permutations(["sink", "worker", "ventilator"]), ids="_then_".join)
def test_any_order(case, roles):
    expect_all(start_in_order(case, roles))
    assert case.path("OUT").read_bytes() == LINES.upper()
    expect_nothing_left(case)


def test_each_waits_for_the_one_before_it(case):
    """The slow way, in which each has said what it waits for when the next one comes."""
    ventilator = case.start("fanfold-ventilator", "--min-workers", 2, stdin=LINES)
    ventilator.wait_for_stderr(r"^fanfold-ventilator: waiting for a sink at ipc://.*/tasks \.\.\.$")
    sink = case.start("fanfold-sink")
    ventilator.wait_for_stderr(r"waiting for workers \(0 of 2\)")
    workers = [case.start("fanfold-worker", *UPPER) for _ in range(2)]
    expect_all([ventilator, sink, *workers])
    assert sink.output() == LINES.upper()
    expect_nothing_left(case)


def test_a_worker_and_a_sink_say_where_they_wait(case):
    worker = case.start("fanfold-worker", *UPPER)
    worker.wait_for_stderr(r"^fanfold-worker: waiting for a ventilator at ipc://.*/tasks$")
    sink = case.start("fanfold-sink")
    sink.wait_for_stderr(r"^fanfold-sink: waiting for a ventilator at ipc://.*/tasks$")
    expect_all([case.start("fanfold-ventilator", stdin=LINES), worker, sink])
    assert sink.output() == LINES.upper()


# ---- places ----


def test_a_second_ventilator_or_sink_is_told_who_was_first(case):
    sink = case.start("fanfold-sink", "--log-level", "info")
    ventilator = case.start("fanfold-ventilator", stdin=LINES)
    ventilator.wait_for_stderr("waiting for workers")
    for first, second in [
        (sink, case.run("fanfold-sink", "-o", "other")),
        (ventilator, case.run("fanfold-ventilator", stdin=LINES)),
    ]:
        second.expect(5)
        (line,) = second.stderr().splitlines()
        assert f"pid {first.pid} since" in line and "--name" in line, line
    worker = case.start("fanfold-worker", *UPPER)
    expect_all([ventilator, sink, worker])
    assert sink.output() == LINES.upper()
    expect_nothing_left(case)


def test_a_place_is_free_again_after_a_kill(case):
    ventilator = case.start("fanfold-ventilator", stdin=LINES)
    ventilator.wait_for_stderr("waiting for a sink")
    sink = case.start("fanfold-sink")
    ventilator.wait_for_stderr("waiting for workers")
    for process in (ventilator, sink):
        process.signal(signal.SIGKILL)
        process.expect(137)
    expect_all(start_in_order(case, ["ventilator", "sink", "worker"]))
    assert case.path("OUT").read_bytes() == LINES.upper()
    expect_nothing_left(case)


def test_the_output_belongs_to_one_sink(case):
    sink = case.start("fanfold-sink", "-o", "OUT")
    sink.wait_for_stderr("waiting for a ventilator")
    second = case.run("fanfold-sink", "-o", "OUT", "--name", "other")
    second.expect(4)
    (line,) = second.stderr().splitlines()
    assert "OUT is being written by" in line and str(sink.pid) in line, line
    sink.signal(signal.SIGTERM)
    sink.expect(143)
    expect_nothing_left(case)


def test_names_keep_runs_apart(case):
    processes, sinks = [], {}
    for name in ("one", "two"):
        sinks[name] = case.start("fanfold-sink", "--name", name)
        processes += [
            sinks[name],
            case.start("fanfold-worker", "--name", name, "--", "sed", f"s/^/{name} /"),
        ]
    for name in sinks:
        options = ["--name", name, "--block", "1K"]
        processes.append(case.start("fanfold-ventilator", *options, stdin=LINES))
    expect_all(processes)
    for name, sink in sinks.items():
        expected = b"".join(name.encode() + b" " + line for line in LINES.splitlines(True))
        assert sink.output() == expected
    expect_nothing_left(case)


# ---- workers come, stay and go ----


def test_a_worker_that_stays_serves_two_runs(case):
    worker = case.start("fanfold-worker", "--stay", *UPPER)
    for _ in range(2):
        sink = case.start("fanfold-sink")
        expect_all([case.start("fanfold-ventilator", "--block", "1K", stdin=LINES), sink])
        assert sink.output() == LINES.upper()
    assert worker.running()
    worker.signal(signal.SIGTERM)
    worker.expect(0)
    expect_nothing_left(case)


def test_a_worker_that_joins_in_the_middle_gets_work(case):
    sink = case.start("fanfold-sink")
    ventilator = case.start("fanfold-ventilator", "-N", 1, stdin=b"1\n2\n3\n4\n")
    first = start_held(case, "a")
    wait_for_work_of(case, "a")
    second = start_held(case, "b")
    wait_for_work_of(case, "b")
    case.gate("go").open()
    expect_all([sink, ventilator, first, second])
    assert sink.output() == b"1\n2\n3\n4\n"
    assert sorted(seq for _, seq in log_of(case)) == [0, 1, 2, 3], log_of(case)


def test_sigterm_drains_a_worker(case):
    """What runs is finished, what waits goes to another, and nothing runs twice."""
    sink = case.start("fanfold-sink")
    ventilator = case.start("fanfold-ventilator", "-N", 1, stdin=b"1\n2\n3\n4\n5\n6\n")
    leaver = start_held(case, "a", "go-a")
    wait_for_work_of(case, "a")
    leaver.signal(signal.SIGTERM)
    stayer = start_held(case, "b", "go-b")
    wait_for_work_of(case, "b")
    assert leaver.running()
    case.gate("go-a").open()
    leaver.expect(0)
    case.gate("go-b").open()
    expect_all([sink, ventilator, stayer])
    assert sink.output() == b"1\n2\n3\n4\n5\n6\n"
    assert log_of(case)[0] == ("a", 0)
    assert sorted(log_of(case)[1:]) == [("b", seq) for seq in range(1, 6)], log_of(case)
    assert leaver.reasons() == [], leaver.stderr()
    expect_nothing_left(case)


def test_a_second_sigterm_hands_back_at_once(case):
    sink = case.start("fanfold-sink")
    ventilator = case.start("fanfold-ventilator", "-N", 1, "--retries", 1, stdin=b"1\n2\n3\n")
    leaver = start_held(case, "a", "go-a")
    wait_for_work_of(case, "a")
    leaver.signal(signal.SIGTERM)
    wait_until_taken(case, leaver, signal.SIGTERM)
    assert leaver.running()
    leaver.signal(signal.SIGTERM)
    leaver.expect(0)
    assert not case.pids_of("sh"), "the user's program outlived its worker"
    stayer = start_held(case, "b", "go-b")
    case.gate("go-b").open()
    expect_all([sink, ventilator, stayer])
    assert sink.output() == b"1\n2\n3\n"
    assert sorted(log_of(case)) == [("a", 0), ("b", 0), ("b", 1), ("b", 2)], log_of(case)


def test_a_worker_of_another_command_is_warned_about_and_serves(case):
    sink = case.start("fanfold-sink")
    workers = [case.start("fanfold-worker", "--", *words) for words in (["cat"], ["cat", "-"])]
    ventilator = case.start("fanfold-ventilator", "--min-workers", 2, "-N", 10, stdin=LINES)
    expect_all([sink, ventilator, *workers])
    assert sink.output() == LINES


# ---- tcp ----


def test_tcp_is_refused_without_a_word_that_it_is_meant(case):
    endpoint = "tcp://127.0.0.1:*"
    for program, option, *words in [
        ("fanfold-ventilator", "--tasks"),
        ("fanfold-sink", "--results"),
        ("fanfold-sink", "--tasks"),
        ("fanfold-worker", "--tasks", "cat"),
    ]:
        run = case.run(program, option, endpoint, *words, stdin=LINES)
        run.expect(2)
        (line,) = run.stderr().splitlines()
        assert line.startswith(f"{program}: ") and "--insecure" in line, line
    expect_nothing_left(case)


def test_tcp_works_when_it_is_meant(case):
    ventilator = case.start(
        "fanfold-ventilator", "--insecure", "--tasks", "tcp://127.0.0.1:*", "--log-level", "info",
        "--block", "1K", "--min-workers", 2, stdin=LINES
    )  # fmt: skip
    tasks = ventilator.wait_for_stderr(r"\bbound tasks=(tcp://127\.0\.0\.1:\d+)")[1]
    sink = case.start("fanfold-sink", "--insecure", "--tasks", tasks, "--results", "tcp://127.0.0.1:*")
    workers = [case.start("fanfold-worker", "--insecure", "--tasks", tasks, *UPPER) for _ in range(2)]
    expect_all([ventilator, sink, *workers])
    assert sink.output() == LINES.upper()
    expect_nothing_left(case)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_a_worker_joins_fanfold_over_tcp(case):
    tasks = f"tcp://127.0.0.1:{free_port()}"
    command, gate = ["--", "sh", "-c", HOLD], str(case.gate("go"))
    run = case.start(
        "fanfold", "--insecure", "--tasks", tasks, "--results", "tcp://127.0.0.1:*", "-j1", "-N1",
        *command, stdin=b"1\n2\n3\n4\n", env={"WHO": "a", "GATE": gate}
    )  # fmt: skip
    wait_for_work_of(case, "a")
    worker = case.start(
        "fanfold-worker", "--insecure", "--tasks", tasks, "-j1", *command, env={"WHO": "b", "GATE": gate}
    )
    wait_for_work_of(case, "b")
    case.gate("go").open()
    expect_all([run, worker])
    assert run.output() == b"1\n2\n3\n4\n"
    expect_nothing_left(case)


# ---- everybody learns why it ended ----


def test_all_three_say_that_a_chunk_failed(case):
    sink = case.start("fanfold-sink")
    worker = case.start("fanfold-worker", "--", "sh", "-c", "echo no such luck >&2; exit 3")
    ventilator = case.start("fanfold-ventilator", stdin=LINES)
    ventilator.expect(3)
    sink.expect(3)
    worker.expect(0)
    (line,) = ventilator.reasons()
    assert re.search(r"chunk 0 .* exit status 3; .*no such luck", line), line
    assert sink.reasons() == ["fanfold-sink: the ventilator stopped the run (status 3)"], sink.stderr()
    assert worker.reasons()[-1] == "fanfold-worker: the run was stopped", worker.stderr()
    expect_nothing_left(case)


def test_all_three_say_that_the_output_failed(case):
    sink = case.start("fanfold-sink", "-o", "/dev/full")
    worker = case.start("fanfold-worker", *UPPER)
    ventilator = case.start("fanfold-ventilator", stdin=LINES)
    expect_all([sink, ventilator], 4)
    worker.expect(0)
    reason = "cannot write /dev/full: No space left on device"
    assert sink.reasons() == [f"fanfold-sink: {reason}"], sink.stderr()
    said = f'fanfold-ventilator: the sink ended the run: "{reason}"'
    assert ventilator.reasons() == [said], ventilator.stderr()
    assert worker.reasons() == [f'fanfold-worker: the run was stopped: "{reason}"'], worker.stderr()
    expect_nothing_left(case)


def test_all_three_say_that_the_ventilator_was_interrupted(case):
    sink = case.start("fanfold-sink")
    worker = start_held(case, "a")
    ventilator = case.start("fanfold-ventilator", stdin=LINES)
    wait_for_work_of(case, "a")
    ventilator.signal(signal.SIGINT)
    ventilator.wait_for_stderr(f"^{FINISHING}$")
    ventilator.signal(signal.SIGINT)
    expect_all([ventilator, sink], 130)
    worker.expect(0)
    assert ventilator.reasons() == [FINISHING, "fanfold-ventilator: interrupted"], ventilator.stderr()
    assert sink.reasons() == ["fanfold-sink: the ventilator stopped the run (status 130)"]
    assert worker.reasons() == ['fanfold-worker: the run was stopped: "interrupted"'], worker.stderr()
    expect_nothing_left(case)


def test_all_three_say_that_the_sink_was_ended(case):
    sink = case.start("fanfold-sink")
    worker = start_held(case, "a")
    ventilator = case.start("fanfold-ventilator", stdin=LINES)
    wait_for_work_of(case, "a")
    sink.signal(signal.SIGTERM)
    expect_all([sink, ventilator], 143)
    worker.expect(0)
    assert sink.reasons() == ["fanfold-sink: stopped by SIGTERM"], sink.stderr()
    said = 'fanfold-ventilator: the sink ended the run: "stopped by SIGTERM"'
    assert ventilator.reasons() == [said], ventilator.stderr()
    assert worker.reasons() == ['fanfold-worker: the run was stopped: "stopped by SIGTERM"']
    expect_nothing_left(case)


# ---- the first signal, and the third ----


def first_lines(text, chunks, size):
    """So many chunks of whole lines, of at most `size` bytes each."""
    end = 0
    for _ in range(chunks):
        end = text.rindex(b"\n", end, end + size) + 1
    return text[:end]


def test_an_interrupt_lets_what_runs_be_finished_and_begins_nothing(case):
    sink = case.start("fanfold-sink")
    worker = start_held(case, "a")
    ventilator = case.start("fanfold-ventilator", "--block", "1K", stdin=LINES)
    wait_for_work_of(case, "a")
    ventilator.signal(signal.SIGINT)
    ventilator.wait_for_stderr(f"^{FINISHING}$")
    case.gate("go").open()
    expect_all([ventilator, sink], 130)
    worker.expect(0)
    begun = len(log_of(case))
    assert 0 < begun < len(LINES) >> 10, begun
    assert sink.output() == first_lines(LINES, begun, 1024)
    expect_nothing_left(case)


def test_a_third_signal_ends_a_ventilator_that_still_waits_for_the_sink(case):
    sink = case.start("fanfold-sink")
    worker = start_held(case, "a")
    ventilator = case.start("fanfold-ventilator", stdin=LINES)
    wait_for_work_of(case, "a")
    sink.signal(signal.SIGSTOP)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        ventilator.signal(number)
        wait_until_taken(case, ventilator, number)
    ventilator.expect(143)
    sink.signal(signal.SIGKILL)
    worker.signal(signal.SIGKILL)
    sink.expect(137)
    worker.expect(137)


# ---- an input that is changed ----


def test_a_file_that_is_rewritten_while_it_is_read_is_noticed_when_a_chunk_is_read_again(case):
    path = case.file("in", LINES)
    sink = case.start("fanfold-sink")
    lost = start_held(case, "a")
    ventilator = case.start("fanfold-ventilator", "--block", "8K", "--liveness", 1, "-i", path)
    wait_for_work_of(case, "a")
    with open(path, "r+b") as file:
        file.write(LINES.upper())
    lost.signal(signal.SIGKILL)
    lost.expect(137)
    case.gate("go").open()
    start_held(case, "b").expect(0)
    expect_all([ventilator, sink], 4)
    reason = f"fanfold-ventilator: cannot read bytes 0-8[0-9]{{3}} of {path} again: it was changed while it was read"
    assert re.fullmatch(reason, ventilator.reasons()[-1]), ventilator.stderr()
    assert sink.output() == b""
