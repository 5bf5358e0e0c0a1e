# SPDX-License-Identifier: MIT
"""fanfold over roles that end, die and hang as the test tells them to."""

import contextlib
import os
import re
import shutil
import signal
from pathlib import Path

from harness import program_path

ROLES = ["ventilator", "sink", "worker"]
FAKE = Path(__file__).with_name("fake_role.py")
DRAINS = ": it finishes the running tasks; a second signal stops it"


def lay_out(case):
    """A folder with fanfold and three fake roles beside it."""
    folder = case.path("bin")
    folder.mkdir()
    shutil.copy(program_path("fanfold"), folder / "fanfold")
    for role in ROLES:
        shutil.copy(FAKE, folder / f"fanfold-{role}")
        os.chmod(folder / f"fanfold-{role}", 0o755)
        os.mkfifo(folder / f"{role}.orders")
    return folder


class Run:
    """fanfold in a folder of its own, with three fake roles beside it."""

    def __init__(self, case, *arguments, command=("cat",), wrap=(), **more):
        self.case = case
        self.folder = lay_out(case)
        # Held open, so that an order never waits for its reader.
        pipes = {role: os.open(self.folder / f"{role}.orders", os.O_RDWR) for role in ROLES}
        self.orders = {role: open(fd, "wb", buffering=0) for role, fd in pipes.items()}
        words = [*wrap, self.folder / "fanfold", *arguments, "--", *command]
        self.process = case.start(words[0], *words[1:], **more)
        for role in ROLES:
            self.wait_log(role, "start")

    def log(self, role, word):
        """Lines of the role's that begin with the word: (pid, the rest)."""
        path = self.folder / "log"
        lines = [line.split(" ") for line in path.read_text().splitlines()] if path.exists() else []
        return [(int(line[1]), line[3:]) for line in lines if line[0] == role and line[2] == word]

    def wait_log(self, role, word, count=1):
        self.case.wait_for(lambda: len(self.log(role, word)) >= count, f"{role} to {word} ({count})")
        return self.log(role, word)[count - 1]

    def order(self, role, order):
        self.orders[role].write(f"{order}\n".encode())

    def done(self, role, order):
        """Gives the order and waits until it is carried out."""
        before = sum(rest == [order] for _, rest in self.log(role, "did"))
        self.order(role, order)
        self.case.wait_for(
            lambda: sum(rest == [order] for _, rest in self.log(role, "did")) > before,
            f"{role} to do {order}",
        )

    def end(self, *, ventilator=0, sink=0, worker=0):
        for role, status in [("sink", sink), ("ventilator", ventilator), ("worker", worker)]:
            self.order(role, f"exit {status}")

    def pid(self, role):
        return self.log(role, "start")[-1][0]

    def expect(self, status, *said):
        """It ends with this status, says this, a line each, and leaves nothing behind."""
        self.process.expect(status)
        lines = self.process.stderr().splitlines()
        assert len(lines) == len(said), lines
        for line, words in zip(lines, said):
            assert words in line, line
        left = self.case.leftovers()
        assert not left, left
        self.case.assert_no_files_left()


def cleanup_process_of(process):
    """The fork of fanfold that watches it."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            if name == "fanfold-cleanup" and int(rest.split()[1]) == process.pid:
                return int(stat.parent.name)
    raise AssertionError("no cleanup process")


def test_all_goes_well(case):
    run = Run(case)
    run.done("ventilator", "socket")
    run.end()
    run.expect(0)


def test_the_sinks_status_counts_before_the_ventilators(case):
    run = Run(case)
    run.end(ventilator=5, sink=4, worker=0)
    run.expect(4)


def test_the_ventilators_status_counts_before_the_workers(case):
    run = Run(case)
    run.order("ventilator", "exit 5")
    run.case.wait_for(lambda: not os.path.exists(f"/proc/{run.pid('ventilator')}"), "the ventilator's end")
    run.end(ventilator=0, worker=3)
    run.expect(5)


def test_a_command_that_is_not_found_ends_the_run_at_once(case):
    run = Run(case)
    run.order("worker", "exit 127")
    run.expect(127)
    assert not run.log("ventilator", "term")


def test_a_usage_error_ends_the_run_at_once_and_silently(case):
    run = Run(case)
    run.order("ventilator", "exit 2")
    run.expect(2)
    assert not run.log("worker", "term")


def test_a_closed_output_is_silent(case):
    run = Run(case)
    run.end(ventilator=141, sink=141)
    run.expect(141)


def test_a_role_that_a_signal_kills_is_named_and_the_others_are_told(case):
    run = Run(case)
    run.order("sink", f"kill {int(signal.SIGKILL)}")
    run.expect(137, "fanfold: fanfold-sink was killed by signal 9")
    assert run.log("ventilator", "term") and run.log("worker", "term")


def test_a_worker_that_dies_is_started_three_times_and_then_given_up(case):
    run = Run(case)
    for count in range(1, 5):
        run.wait_log("worker", "start", count)
        run.order("worker", f"kill {int(signal.SIGSEGV)}")
    again = "fanfold-worker was killed by signal 11"
    run.expect(139, again, again, again, "giving up")
    assert len(run.log("worker", "start")) == 4


def test_a_worker_that_finishes_tasks_is_started_again_for_ever(case):
    run = Run(case)
    for count in range(1, 8):
        run.wait_log("worker", "start", count)
        run.order("worker", "alive")
        run.order("worker", "exit 1")
    run.wait_log("worker", "start", 8)
    run.end()
    run.expect(0, *["fanfold-worker ended with status 1; starting it again"] * 7)


def test_signals_are_forwarded_once(case):
    run = Run(case)
    run.done("worker", "alive")
    run.process.signal(signal.SIGTERM)
    run.expect(143, f"fanfold: terminated{DRAINS}")
    assert all(len(run.log(role, "term")) == 1 for role in ROLES)


def test_what_has_not_begun_ends_with_one_line_at_a_signal(case):
    run = Run(case)
    run.process.signal(signal.SIGINT)
    run.expect(130, "fanfold: interrupted")
    assert len(run.log("ventilator", "term")) == 1


def test_a_hangup_ends_the_run(case):
    run = Run(case)
    run.process.signal(signal.SIGHUP)
    run.expect(129, "fanfold: hung up")


def test_an_interrupt_from_a_terminal_reaches_each_role_once(case):
    run = Run(case)
    assert all(run.log(role, "start")[0][1][0] == "ignores-interrupts" for role in ROLES)
    run.done("worker", "alive")
    run.process.signal_group(signal.SIGINT)
    run.expect(130, f"fanfold: interrupted{DRAINS}")
    assert all(len(run.log(role, "term")) == 1 for role in ROLES)


def test_what_runs_is_finished_after_a_signal(case):
    run = Run(case)
    run.done("worker", "alive")
    run.done("ventilator", "drain")
    run.process.signal(signal.SIGINT)
    run.wait_log("ventilator", "term")
    for role, status in [("sink", 130), ("worker", 0), ("ventilator", 130)]:
        run.order(role, f"exit {status}")
    run.expect(130, f"fanfold: interrupted{DRAINS}")
    assert len(run.log("ventilator", "term")) == 1
    assert not run.log("sink", "term") and not run.log("worker", "term")


def test_a_second_signal_waits_for_nothing(case):
    run = Run(case)
    run.done("worker", "alive")
    run.done("ventilator", "drain")
    run.process.signal(signal.SIGINT)
    run.wait_log("ventilator", "term")
    assert not run.log("sink", "term") and not run.log("worker", "term")
    run.process.signal(signal.SIGTERM)
    run.expect(130, f"fanfold: interrupted{DRAINS}")
    assert [len(run.log(role, "term")) for role in ROLES] == [2, 1, 1]


def test_a_third_signal_kills(case):
    run = Run(case)
    run.done("worker", "alive")
    for role in ROLES:
        run.done(role, "stubborn")
    run.process.signal(signal.SIGINT)
    run.wait_log("ventilator", "term")
    run.process.signal(signal.SIGINT)
    run.wait_log("ventilator", "term", 2)
    run.process.signal(signal.SIGINT)
    run.expect(130, f"fanfold: interrupted{DRAINS}")


def test_what_does_not_end_after_a_second_signal_is_killed(case):
    run = Run(case)
    run.done("worker", "alive")
    run.done("worker", "stubborn")
    run.done("ventilator", "drain")
    run.process.signal(signal.SIGTERM)
    run.wait_log("ventilator", "term")
    run.process.signal(signal.SIGTERM)
    run.expect(143, f"fanfold: terminated{DRAINS}", "fanfold-worker does not end; killing it")
    assert len(run.log("worker", "term")) == 2


def test_a_drain_without_a_worker_is_soon_over(case):
    run = Run(case)
    run.done("worker", "alive")
    run.done("ventilator", "drain")
    run.process.signal(signal.SIGTERM)
    run.wait_log("ventilator", "term")
    run.order("worker", f"kill {int(signal.SIGKILL)}")
    run.expect(143, f"fanfold: terminated{DRAINS}", "fanfold-worker was killed by signal 9 (Killed)")
    assert len(run.log("worker", "start")) == 1 and len(run.log("ventilator", "term")) == 2


def test_the_launcher_says_how_to_resume_where_a_killed_sink_has_left_a_journal(case):
    case.file("out.fanfold", b"")
    run = Run(case, "-o", case.path("out"))
    run.order("sink", f"kill {int(signal.SIGKILL)}")
    run.expect(137, "fanfold: fanfold-sink was killed by signal 9", "out.fanfold says how far the output is: repeat the command with --resume to continue")


def test_the_sink_says_how_to_resume_where_it_lives(case):
    case.file("out.fanfold", b"")
    run = Run(case, "-o", case.path("out"))
    run.order("ventilator", f"kill {int(signal.SIGKILL)}")
    run.expect(137, "fanfold: fanfold-ventilator was killed by signal 9")


def test_going_on_without_a_file_is_refused_once_and_starts_nothing(case):
    folder = lay_out(case)
    for words in (["--resume"], ["--resume", "-o", "/dev/null"], ["--resume", "--unordered", "-o", "out"]):
        run = case.run(folder / "fanfold", *words, "--", "cat")
        run.expect(2)
        (line,) = run.stderr().splitlines()
        assert "--resume" in line, line
    assert not (folder / "log").exists()


def test_a_search_for_bad_records_may_cost_many_workers(case):
    run = Run(case, "--on-error", "isolate")
    for count in range(1, 12):
        run.wait_log("worker", "start", count)
        run.order("worker", f"kill {int(signal.SIGKILL)}")
    run.wait_log("worker", "start", 12)
    run.end()
    run.expect(0, *["fanfold-worker was killed by signal 9 (Killed); starting it again"] * 3)


def test_a_worker_that_nobody_told_of_the_end_is_told(case):
    run = Run(case)
    run.order("sink", "exit 0")
    run.order("ventilator", "exit 0")
    run.expect(0)
    assert run.log("worker", "term")


def test_nothing_is_left_when_fanfold_is_killed(case):
    run = Run(case)
    run.done("ventilator", "socket")
    assert list(case.runtime.iterdir())
    run.process.signal(signal.SIGKILL)
    run.process.expect(137)
    case.assert_no_leftovers()
    case.assert_no_files_left()


def test_nothing_is_left_when_fanfold_is_killed_at_its_start(case):
    folder = lay_out(case)
    for _ in range(20):
        process = case.start(folder / "fanfold", "--", "cat")
        case.wait_for(lambda: list(case.runtime.iterdir()), "a directory")
        process.signal(signal.SIGKILL)
        process.wait()
        case.assert_no_leftovers()
        case.assert_no_files_left()


def test_nothing_is_left_when_the_cleanup_process_is_killed(case):
    run = Run(case)
    run.done("ventilator", "socket")
    os.kill(cleanup_process_of(run.process), signal.SIGKILL)
    run.end()
    run.expect(0)


def test_a_cleanup_process_that_was_stopped_does_not_hold_fanfold_up(case):
    run = Run(case)
    os.kill(cleanup_process_of(run.process), signal.SIGSTOP)
    run.end()
    run.expect(0)


def test_the_cleanup_process_holds_nothing_of_the_users(case):
    reading, writing = os.pipe()
    run = Run(case, stdout=writing, pass_fds=[writing])
    os.close(writing)
    cleanup = cleanup_process_of(run.process)
    folder = f"/proc/{cleanup}/fd"
    held = sorted(os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder))
    held = [what for what in held if what != "anon_inode:[pidfd]"]
    assert held[:3] == ["/dev/null"] * 3 and len(held) == 5, held
    assert held[3].startswith(f"{case.runtime}/fanfold-run-"), held  # the lock
    assert held[4].startswith("socket:"), held
    assert os.getsid(cleanup) == cleanup
    os.kill(cleanup, signal.SIGTERM)
    run.end()
    run.expect(0)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_what_a_role_leaves_behind_is_ended(case):
    run = Run(case)
    run.done("worker", "child")
    run.wait_log("worker", "child")
    run.end()
    run.expect(0)


def test_the_callers_other_children_are_let_alone(case):
    run = Run(case, wrap=["bash", "-c", 'tail -f /dev/null & exec "$@"', "bash"])
    (other,) = case.pids_of("tail")
    run.end()
    run.process.expect(0)
    assert case.pids_of("tail") == [other]
    os.kill(other, signal.SIGKILL)


def test_data_comes_in_at_the_ventilator_and_goes_out_at_the_sink(case):
    run = Run(case, stdin=case.file("in", b"x"), stdout=case.path("out"))
    for role in ROLES:
        run.done(role, "streams")
    streams = {role: run.log(role, "streams")[0][1] for role in ROLES}
    said = str(run.process.stderr_path)
    assert streams["ventilator"] == [str(case.path("in")), "/dev/null", said], streams
    assert streams["sink"] == ["/dev/null", str(case.path("out")), said], streams
    assert streams["worker"] == ["/dev/null", said, said], streams
    run.end()
    run.expect(0)


def test_each_role_is_given_its_own_options(case):
    run = Run(case, "--block", "64K", "-j3", "-o", "x", "--quiet", command=["tr", "a b", "--block"])
    (directory,) = case.runtime.iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700
    words = {role: run.log(role, "start")[0][1][1:] for role in ROLES}
    tasks = f"--tasks=ipc://{directory}/tasks"
    assert words["ventilator"] == [tasks, "--supervised", "--block=64K", "--quiet"], words
    places = [tasks, f"--results=ipc://{directory}/results", "--supervised"]
    places.append(next(word for word in words["sink"] if re.fullmatch(r"--command-hash=[0-9a-f]{16}", word)))
    assert words["sink"] == [*places, "--no-dead-letters", "--output=x", "--quiet"], words
    assert words["worker"][:4] == [tasks, "--supervised", "--jobs=3", "--quiet"], words
    assert words["worker"][5:] == ["--", "tr", "a", "b", "--block"], words
    run.end()
    run.expect(0)


def test_without_a_runtime_directory_it_is_in_tmp(case):
    run = Run(case, env={"XDG_RUNTIME_DIR": "/nowhere"})
    assert len(list(case.tmp.iterdir())) == 1
    run.end()
    run.expect(0)


def test_a_missing_command_is_a_usage_error(case):
    run = case.run("fanfold", "-j4")
    run.expect(2)
    assert run.stderr() == "fanfold: no command: fanfold [OPTIONS] -- COMMAND\n", run.stderr()


def test_a_missing_role_is_named(case):
    folder = case.path("alone")
    folder.mkdir()
    shutil.copy(program_path("fanfold"), folder)
    run = case.run(folder / "fanfold", "--", "cat", env={"PATH": "/nowhere"})
    run.expect(127)
    assert "cannot find fanfold-ventilator" in run.stderr()


def test_slots_are_said_in_terms_of_the_processors(case):
    """The first chunks wait for each other, so all slots there are have one."""
    processors = len(os.sched_getaffinity(0))
    script = """
        if [ "$FANFOLD_SEQ" -lt "$SLOTS" ]; then
            : >"$PREFIX-$FANFOLD_SLOT"
            while [ "$(ls "$PREFIX"-* | wc -l)" -lt "$SLOTS" ]; do sleep 0.01; done
        fi
        echo "$FANFOLD_SLOT"
    """
    for words, slots in [("+1", processors + 1), ("-1", processors - 1), ("50%", processors // 2), ("-999", 1)]:
        slots = max(1, slots)
        env = {"SLOTS": str(slots), "PREFIX": str(case.path(f"slot{words}"))}
        run = case.run("fanfold", "-j", words, "-N1", "--", "sh", "-c", script, stdin=b"x\n" * (5 * slots), env=env)
        run.expect(0)
        assert set(run.output().split()) == {b"%d" % slot for slot in range(1, slots + 1)}, (words, run.output())
    run = case.run("fanfold", "-j", "many", "--", "cat")
    run.expect(2)
    assert "50%" in run.stderr()
