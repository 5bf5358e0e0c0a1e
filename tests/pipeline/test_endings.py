# SPDX-License-Identifier: MIT
"""Each way in which a run ends: its status, its one line, and nothing left behind."""

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import termios
from pathlib import Path

from harness import run_tests, test

LINES = b"".join(b"line number %d\n" % number for number in range(3000))
SLEEP = ["sh", "-c", "sleep 1000 | cat"]
PROGRAMS = ["fanfold", "fanfold-ventilator", "fanfold-worker", "fanfold-sink"]


def expect(case, run, status, *said, deadline=60.0):
    """It ends with this status, says just these lines (regular expressions), and leaves
    neither process nor file."""
    run.expect(status, deadline)
    lines = run.reasons()
    assert len(lines) == len(said), f"{len(lines)} lines, not {len(said)}"
    for line, pattern in zip(lines, said):
        assert re.search(pattern, line), f"{line!r} is not {pattern!r}"
    case.assert_no_leftovers()
    case.assert_no_files_left()


def ends(case, words, status, *said, stdin=LINES, **more):
    run = case.start("fanfold", *words, stdin=stdin, **more)
    expect(case, run, status, *said)
    return run


def start_sleep(case):
    """A run that would last, once it is in the middle of it."""
    run = case.start("fanfold", "-j2", "-N1", "--", *SLEEP, stdin=LINES)
    case.wait_for(lambda: len(case.pids_of("sleep")) == 2, "two chunks to be begun")
    return run


def take_terminal(terminal):
    """Makes it the controlling one of this session, whose leader is about to be fanfold."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def parent_of(pid):
    """0 where it has gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def kill_worker(case, run):
    """Kills the worker that fanfold has started. Its keeper is a fork of it, and becomes a
    child of fanfold when it has lost its worker; it is soon gone."""

    def workers():
        return [pid for pid in case.pids_of("fanfold-worker") if parent_of(pid) == run.pid]

    case.wait_for(lambda: len(workers()) == 1, "one worker to be there")
    os.kill(workers()[0], signal.SIGKILL)


# ---- it never begins ----


@test
def a_command_that_is_not_there(case):
    ends(case, ["--", "no-such-command"], 127, "^fanfold-worker: no-such-command: command not found$")
    ends(case, ["--", "./nor", "this"], 127, r"^fanfold-worker: \./nor: ")


@test
def a_command_line_in_one_word_names_the_shell(case):
    for line in ("wc -l | sort", "sort|uniq"):
        pattern = "^fanfold-worker: " + re.escape(f"{line}: ") + ".*" + re.escape(f"--shell '{line}'") + "$"
        ends(case, ["--", line], 127, pattern)


@test
def a_command_that_is_no_program(case):
    path = case.file("text", b"no program")
    ends(case, ["--", path], 126, f"^fanfold-worker: {path}: ")
    ends(case, ["--", case.tmp], 126, f"^fanfold-worker: {case.tmp}: ")


@test
def inputs_of_which_only_the_first_has_its_option(case):
    """As the shell makes them of -i *.csv."""
    for name in ("a.csv", "b.csv"):
        case.file(name, LINES)
    hint = "; if that file is an input: each has an -i of its own, -i A -i B$"
    ends(case, ["-i", "a.csv", "b.csv", "--", "cat"], 127, rf"^fanfold-worker: b\.csv: command not found{hint}")
    ends(case, ["-i", "./a.csv", "./b.csv", "cat"], 126, rf"^fanfold-worker: \./b\.csv: cannot .* denied{hint}")


@test
def options_that_are_wrong(case):
    ends(case, ["--block", "0", "--", "cat"], 2, r"^fanfold.*: --block: '0': expected a size")
    ends(case, ["-j", "0", "--", "cat"], 2, r"^fanfold.*: -j: '0': expected a number of slots")
    ends(case, ["--liveness", "soon", "--", "cat"], 2, "^fanfold: --liveness: 'soon': expected")
    ends(case, ["--patience", "0", "--", "cat"], 2, "^fanfold: --patience: '0': expected a duration above 0")
    ends(case, ["-j", "half", "--", "cat"], 2, "^fanfold-worker: -j: 'half': expected a number of slots")
    ends(case, ["--blok", "1", "--", "cat"], 2, "^fanfold: unrecognized option '--blok'", "^Try .* --help")
    ends(case, [], 2, "^fanfold: no command")


@test
def endpoints_that_are_wrong(case):
    tcp = ["--insecure", "--tasks", "tcp://localhost:25557"]
    ends(case, [*tcp, "--", "cat"], 2, r"^fanfold: --tasks tcp://localhost:25557 needs --results too")
    said = r"^fanfold-ventilator: cannot bind tcp://localhost:25557: expected an address of this host, .*\*"
    ventilator = case.start("fanfold-ventilator", *tcp)
    expect(case, ventilator, 2, said)
    sink = case.start("fanfold-sink", "--insecure", *case.endpoints()[:2], "--results", "tcp://localhost:25557")
    sink.wait()
    assert "expected an address of this host" in sink.stderr(), sink.stderr()


@test
def an_input_that_cannot_be_read(case):
    ends(case, ["-i", "nowhere", "--", "cat"], 4, "^fanfold-ventilator: cannot read nowhere: No such file")
    ends(case, ["-i", case.tmp, "--", "cat"], 4, f"^fanfold-ventilator: cannot read {case.tmp}: Is a directory$")
    folder = os.open(case.tmp, os.O_RDONLY)
    ends(case, ["--", "cat"], 4, "^fanfold-ventilator: cannot read .*: Is a directory$", stdin=folder)
    os.close(folder)


@test
def an_input_that_is_secret(case):
    if os.geteuid() == 0:
        case.skip("to root nothing is secret")
    case.file("secret", LINES).chmod(0)
    ends(case, ["-i", "secret", "--", "cat"], 4, "^fanfold-ventilator: cannot read secret: Permission denied$")


@test
def an_output_that_cannot_be_opened(case):
    ends(case, ["-o", "no/where", "--", "cat"], 4, "^fanfold-sink: cannot open no/where: No such file")
    ends(case, ["-o", case.tmp, "--", "cat"], 4, f"^fanfold-sink: cannot open {case.tmp}: Is a directory$")


# ---- it stops in the middle ----


@test
def a_full_disk(case):
    said = "^fanfold-sink: cannot write /dev/full: No space left on device$"
    ends(case, ["-o", "/dev/full", "-N100", "--", "cat"], 4, said)
    with open("/dev/full", "wb") as full:
        said = "^fanfold-sink: cannot write .*: No space left on device$"
        ends(case, ["-N100", "--", "cat"], 4, said, stdout=full)


@test
def a_chunk_that_fails_every_time(case):
    script = 'if [ "$FANFOLD_SEQ" = 7 ]; then echo "attempt $FANFOLD_ATTEMPT is no good" >&2; exit 3; fi; cat'
    run = case.start("fanfold", "-j2", "-N10", "--", "sh", "-c", script, stdin=LINES)
    run.expect(3)
    *passed, last = run.reasons()
    assert len(passed) == 3, passed
    for line in passed:
        assert re.fullmatch(r"\[slot [12] seq 7\] attempt \d is no good", line), line
    lines = LINES.splitlines(True)
    begin = len(b"".join(lines[:70]))
    end = begin + len(b"".join(lines[70:80])) - 1
    expected = (
        rf"^fanfold-ventilator: chunk 7 \(bytes {begin}-{end}, records 71-80\) failed for good "
        r'after 3 attempts: exit status 3; it said: "attempt \d is no good"$'
    )
    assert re.search(expected, last), last
    assert b"".join(lines[:70]).startswith(run.output()), "the output is not what came before it"
    case.assert_no_leftovers()
    case.assert_no_files_left()


@test
def a_chunk_in_which_grep_finds_nothing(case):
    said = r"chunk 0 .* exit status 1; if that is how .* found nothing, as grep does: (--shell '.*')$"
    case.file("input", LINES)
    run = ends(case, ["--retries", "1", "--", "grep", "nowhere"], 3, said)
    remedy = re.search(said, run.reasons()[-1])[1].replace("...", "nowhere")
    again = case.shell(f"fanfold --retries 1 -i input {remedy}", stdin=None)
    again.expect(0)
    assert again.output() == b""


@test
def a_chunk_whose_command_crashes_every_time(case):
    said = r"chunk 0 .* after 2 attempts: ended by signal 9 \(Killed\)$"
    ends(case, ["--retries", "2", "--", "sh", "-c", "kill -9 $$"], 3, said)


@test
def a_reader_that_has_gone(case):
    reading, writing = os.pipe()
    os.close(reading)
    ends(case, ["-N10", "--", "cat"], 141, stdout=writing)
    os.close(writing)


@test
def a_standard_output_that_was_closed(case):
    run = case.shell("exec fanfold -N10 -- cat >&-", stdin=LINES)
    expect(case, run, 4, "^fanfold-sink: cannot write .*: Bad file descriptor$")
    processes = [
        case.start("bash", "-c", "exec fanfold-sink --quiet >&-"),
        case.start("fanfold-worker", "--quiet", "cat"),
        case.start("fanfold-ventilator", "--quiet", stdin=LINES),
    ]
    for process, status in zip(processes, (4, 0, 4)):
        process.expect(status)
        (line,) = process.stderr().splitlines()
        assert "cannot write standard output: Bad file descriptor" in line, line


@test
def a_standard_input_that_was_closed(case):
    run = case.shell("exec fanfold -- cat <&-")
    expect(case, run, 4, "^fanfold-ventilator: cannot read .*: Bad file descriptor$")


@test
def a_standard_error_that_was_closed(case):
    run = case.shell("exec fanfold -N10 -- sh -c 'echo lost >&2; cat' 2>&-", stdin=LINES)
    expect(case, run, 0)
    assert run.output() == LINES


@test
def a_reader_that_has_seen_enough(case):
    """The input has no end."""
    for words in ("-N3", "--block 64K", "--unordered"):
        run = case.shell(f"yes | fanfold {words} -- cat | head -3; exit ${{PIPESTATUS[1]}}")
        expect(case, run, 141)
        assert run.output() == b"y\n" * 3


@test
def an_input_that_is_cut_off(case):
    """The first chunk waits; the ventilator is told of the end when it goes on to read."""
    size = 64 << 20
    path = case.path("in")
    path.write_bytes(case.text(size).read_bytes())
    script = ': > began; cat; [ "$FANFOLD_SEQ" != 0 ] || while [ ! -e go ]; do sleep 0.01; done'
    words = ["-j1", "--block", "1M", "--window", "2", "-i", path, "--", "sh", "-c", script]
    run = case.start("fanfold", *words)
    case.wait_for(case.path("began").exists, "the first chunk to begin")
    os.truncate(path, 8 << 20)
    case.path("go").touch()
    expect(case, run, 4, r"^fanfold-ventilator: .*/in was cut short .* before byte \d+ .* 67108864 bytes$")
    output = run.output()
    assert len(output) <= 8 << 20 and case.text(size).read_bytes().startswith(output)


# ---- signals ----


@test
def an_interrupt_from_the_terminal(case):
    run = start_sleep(case)
    run.signal_group(signal.SIGINT)
    expect(case, run, 130, "^fanfold: interrupted$")


@test
def an_interrupt_typed_at_a_terminal(case):
    ours, theirs = os.openpty()
    words = ["-j2", "-N1", "--", *SLEEP]
    run = case.start("fanfold", *words, stdin=LINES, preexec_fn=lambda: take_terminal(theirs))
    os.close(theirs)
    case.wait_for(lambda: len(case.pids_of("sleep")) == 2, "two chunks to be begun")
    os.write(ours, b"\x03")
    expect(case, run, 130, "^fanfold: interrupted$")
    os.close(ours)


@test
def a_terminal_that_is_the_input(case):
    ours, theirs = os.openpty()
    run = case.start("fanfold", "--quiet", "--", "cat", stdin=theirs)
    loud = case.start("fanfold", "--", "cat", stdin=theirs)
    os.close(theirs)
    loud.wait_for_stderr("^fanfold-ventilator: reading from the terminal; end with Ctrl-D$")
    loud.signal(signal.SIGTERM)
    loud.expect(143)
    os.write(ours, b"typed\nby hand\n\x04")
    expect(case, run, 0)
    assert run.output() == b"typed\nby hand\n"
    os.close(ours)


@test
def sigterm(case):
    run = start_sleep(case)
    run.signal(signal.SIGTERM)
    expect(case, run, 143, "^fanfold: terminated$")


@test
def sigterm_to_the_sink_alone(case):
    run = start_sleep(case)
    (pid,) = case.pids_of("fanfold-sink")
    os.kill(pid, signal.SIGTERM)
    expect(case, run, 143, "^fanfold: fanfold-sink was terminated$")


@test
def sigterm_to_the_ventilator_alone_lets_what_runs_be_finished(case):
    script = ": > began; while [ ! -e go ]; do sleep 0.01; done; cat"
    run = case.start("fanfold", "-j2", "-N1", "--", "sh", "-c", script, stdin=LINES)
    case.wait_for(case.path("began").exists, "a chunk to begin")
    (pid,) = case.pids_of("fanfold-ventilator")
    os.kill(pid, signal.SIGTERM)
    case.path("go").touch()
    expect(case, run, 143, "^fanfold: fanfold-ventilator was terminated$")
    assert run.output() and LINES.startswith(run.output())


@test
def an_interrupt_lets_what_runs_be_finished(case):
    """And the same command goes on."""
    case.file("in", LINES)
    script = '[ "$FANFOLD_SEQ" -lt 4 ] || { : > began; while [ ! -e go ]; do sleep 0.01; done; }; cat'
    words = ["-j2", "-N100", "-i", "in", "-o", "out", "--", "sh", "-c", script]
    run = case.start("fanfold", *words)
    case.wait_for(case.path("began").exists, "a chunk to begin")
    run.signal_group(signal.SIGINT)
    said = r"^fanfold: interrupted: finishing what runs \(once more: stop at once\)$"
    run.wait_for_stderr(said)
    case.path("go").touch()
    expect(case, run, 130, said, r"^fanfold-sink: out is whole up to chunk \d+ .*: the same command with --resume goes on$")
    done = case.path("out").read_bytes()
    assert len(done) > len(LINES) * 4 // 30 and LINES.startswith(done), len(done)
    ends(case, ["--resume", *words], 0, r"^fanfold-ventilator: .* chunks", stdin=None)
    assert case.path("out").read_bytes() == LINES
    assert not case.path("out.fanfold").exists()


@test
def sigterm_to_all_of_the_group(case):
    run = start_sleep(case)
    run.signal_group(signal.SIGTERM)
    expect(case, run, 143, "^fanfold: terminated$")


@test
def sigkill(case):
    """Only the shell can say so."""
    run = start_sleep(case)
    run.signal(signal.SIGKILL)
    expect(case, run, 137)


@test
def an_interrupt_while_the_input_waits(case):
    run = case.start("fanfold", "--", "cat", stdin=subprocess.PIPE)
    case.wait_for(lambda: case.pids_of("fanfold-worker"), "a worker")
    run.signal_group(signal.SIGINT)
    expect(case, run, 130, "^fanfold: interrupted$")


@test
def a_worker_that_is_killed_is_started_again(case):
    script = ': > began; while [ ! -e go ]; do sleep 0.01; done; cat'
    words = ["-j2", "-N100", "--liveness", "1", "--", "sh", "-c", script]
    run = case.start("fanfold", *words, stdin=LINES)
    case.wait_for(case.path("began").exists, "a chunk to begin")
    kill_worker(case, run)
    case.path("go").touch()
    again = r"^fanfold: fanfold-worker was killed by signal 9 \(Killed\); starting it again$"
    expect(case, run, 0, again, r"^fanfold-ventilator: .* 30 chunks, [1-9] retr")
    assert run.output() == LINES


@test
def a_worker_that_is_killed_with_its_keeper_leaves_no_program_behind(case):
    """The sleeps of the first attempts are gone while those of the second go on."""
    script = 'echo $$ >> began; [ "$FANFOLD_ATTEMPT" = 1 ] || while [ ! -e go ]; do sleep 0.01; done; exec sleep 1000'
    script = script.replace("exec sleep", '[ "$FANFOLD_ATTEMPT" = 1 ] && exec sleep') + "; cat"
    words = ["-j2", "-N1500", "--liveness", "1", "--quiet", "--", "sh", "-c", script]
    run = case.start("fanfold", *words, stdin=LINES)
    case.wait_for(lambda: len(case.pids_of("sleep")) == 2, "two chunks to be begun")
    first = case.pids_of("sleep")
    for pid in case.pids_of("fanfold-worker"):
        os.kill(pid, signal.SIGKILL)
    case.wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in first), "the first programs to end")
    assert run.running()
    case.path("go").touch()
    again = r"^fanfold: fanfold-worker was killed by signal 9 \(Killed\); starting it again$"
    expect(case, run, 0, again)
    assert run.output() == LINES


@test
def a_worker_that_is_killed_again_and_again_is_given_up(case):
    script = ': > "began-$FANFOLD_WORKER"; sleep 1000'
    words = ["-j1", "-N100", "--liveness", "1", "--", "sh", "-c", script]
    run = case.start("fanfold", *words, stdin=LINES)
    for count in range(1, 5):
        case.wait_for(lambda: len(list(case.directory.glob("began-*"))) == count, f"worker {count}")
        kill_worker(case, run)
    killed = r"^fanfold: fanfold-worker was killed by signal 9 \(Killed\)"
    expect(case, run, 137, *[killed + "; starting it again$"] * 3, killed + ".*; giving up$")


# ---- words ----


@test
def the_smallest_buffer_is_not_the_default_one(case):
    """Results that wait for the first go to the file instead of memory."""
    script = '[ "$FANFOLD_SEQ" != 0 ] || while [ ! -e seen ]; do sleep 0.01; done; : > "seen-$FANFOLD_SEQ"; cat'
    words = ["-j2", "--window", "4", "--buffer", "1", "-N100", "--log-level", "info", "-i", "lines"]
    case.file("lines", LINES)
    run = case.start("fanfold", *words, "--", "sh", "-c", script)
    case.wait_for(case.path("seen-3").exists, "three chunks to be done")
    case.path("seen").touch()
    run.expect(0)
    assert run.output() == LINES
    spilled = re.search(r"^fanfold-sink: info end .* spilled=(\d+)", run.stderr(), re.M)
    assert int(spilled[1]) > 0, spilled[0]


@test
def quiet_is_quiet(case):
    ends(case, ["--quiet", "-N10", "--", "cat"], 0)
    said = "^fanfold-ventilator: chunk 0 .* exit status 1; if that .*$"
    ends(case, ["--quiet", "--", "false"], 3, said)


@test
def all_is_well_in_one_line(case):
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


@test
def progress_of_a_file_is_in_per_cent_and_makes_room_for_an_interrupt(case):
    case.file("lines", LINES)
    script = "'[ $FANFOLD_SEQ != 1 ] || while [ ! -e go ]; do sleep 0.01; done; cat'"
    run, read = start_at_terminal(case, ">out", "-j1 -N1500 -i lines -- sh -c", script)
    line = r"\r\x1b\[K\d+\.\d KiB done \(4\d%\)  \d+.*/s  1 of 2 chunks  1/1 busy  0 retries"
    case.wait_for(lambda: re.search(line, read()), "a line of progress")
    run.signal_group(signal.SIGINT)
    said = "\r\x1b[Kfanfold: interrupted: finishing what runs (once more: stop at once)\r\n"
    case.wait_for(lambda: said in read(), "a word of the interrupt")
    case.path("go").touch()
    run.expect(0)  # both chunks had been given out: nothing was left to interrupt
    assert max(map(len, re.split(r"\r\x1b\[K|\r\n", read()))) < 80, read()


@test
def progress_is_not_shown_where_the_output_goes(case):
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


@test
def what_gnu_parallel_needs_is_accepted(case):
    run = ends(case, ["--quiet", "--pipe", "-k", "-N10", "cat"], 0)
    assert run.output() == LINES


@test
def help_and_version(case):
    for program in PROGRAMS:
        for word, expected in [("--help", rf"^Usage: {program} "), ("--version", rf"^{program} \d+\.\d+\.\d+\n$")]:
            run = case.start(program, word)
            expect(case, run, 0)
            assert re.match(expected, run.output().decode()), run.output()
        assert "--supervised" not in case.run(program, "--help").output().decode()


@test
def an_output_that_is_the_input_is_refused_and_untouched(case):
    text = case.file("text", case.text(1 << 20).read_bytes())
    for arguments, stdin in ((["-i", text], None), ([], text)):
        run = case.run("fanfold", *arguments, "-o", text, "--", "cat", stdin=stdin)
        assert run.status == 2 and "is the input" in run.stderr(), run.stderr()
    appended = case.shell(f"fanfold -i {text} -- cat >> {text}")
    assert appended.status == 2 and "is the input" in appended.stderr(), appended.stderr()
    case.assert_same(text, case.text(1 << 20))


@test
def a_run_that_never_begins_leaves_the_output_alone(case):
    precious = case.file("precious", b"precious")
    for words, status in ((["-i", "nosuch", "--", "cat"], 4), (["--", "nosuchcmd"], 127), (["-j0", "--", "cat"], 2)):
        for _ in range(10):
            case.run("fanfold", *words[:-2], "-o", precious, *words[-2:], stdin=LINES).expect(status)
            assert precious.read_bytes() == b"precious", words
            case.run("fanfold", *words[:-2], "-o", "new", *words[-2:], stdin=LINES).expect(status)
            assert not case.path("new").exists(), words


@test
def a_run_without_output_leaves_an_empty_file(case):
    for command, stdin in ((["true"], LINES), (["cat"], b"")):
        for name in ("old", "new"):
            case.file("old", b"bytes")
            case.path("new").unlink(missing_ok=True)
            case.run("fanfold", "-o", name, "--", *command, stdin=stdin).expect(0)
            assert case.path(name).read_bytes() == b"", (command, name)


@test
def a_run_that_fails_before_its_first_byte_leaves_the_output_alone(case):
    precious = case.file("precious", b"precious")
    case.run("fanfold", "-o", precious, "--", "false", stdin=LINES).expect(3)
    case.run("fanfold", "-o", "new", "--", "false", stdin=LINES).expect(3)
    assert precious.read_bytes() == b"precious" and not case.path("new").exists()


@test
def a_sink_that_is_refused_leaves_no_empty_file(case):
    first = case.start("fanfold-sink", "-o", case.path("first"))
    case.wait_for(lambda: case.path("first").exists(), "the first sink")
    first.wait_for_stderr("waiting for a ventilator")
    case.run("fanfold-sink", "-o", case.path("second")).expect(5)
    assert not case.path("second").exists()
    first.signal(signal.SIGTERM)
    first.expect(143)


run_tests()
