# SPDX-License-Identifier: MIT
"""What others do to the files of a run while it goes on, and what a run does to the files of others.

The output is cut, changed, moved; the private directory is swept away; a file has a name that
the run makes itself. A run never ends with 0 and wrong bytes, and never destroys a file.
"""

import contextlib
import fcntl
import os
import re
import shutil
import signal
from pathlib import Path

from dead_letters import Records, misbehaving_program
from resuming import kill_everything, parse_journal, position_of

LINES = b"".join(b"%d\n" % number for number in range(10, 20))
# The chunks from number 5 on wait at the gate.
GATED = ["-N1", "-j2", "--", "sh", "-c", '[ "$FANFOLD_SEQ" -lt 5 ] || : <gate; cat']


# ---- the output ----


def overwrite(path, at, data):
    with open(path, "r+b") as file:
        os.pwrite(file.fileno(), data, at)


def regrow(path):
    size = path.stat().st_size
    path.write_bytes(b"x" * size)


def replace(path):
    other = path.with_name("replacement")
    other.write_bytes(path.read_bytes())
    os.replace(other, path)


CHANGES = {
    "cut": (lambda path: os.truncate(path, 0), "made it shorter"),
    "cut by a byte": (lambda path: os.truncate(path, 14), "made it shorter"),
    "cut and filled": (regrow, "wrote into it"),
    "changed": (lambda path: overwrite(path, 3, b"x"), "wrote into it"),
    "appended to": (lambda path: overwrite(path, 15, b"x" * 100), "wrote into it"),
    "removed": (os.unlink, "removed or replaced"),
    "moved": (lambda path: path.rename(path.with_name("moved")), "removed or replaced"),
    "replaced": (replace, "removed or replaced"),
}


def half_run(case, *options, stdout=None):
    """A run that has written its first five lines and waits; `stdout`, or out of -o, is its output."""
    gate = case.gate()
    gate.shut()
    run = case.start("fanfold", "--quiet", *options, *GATED, stdin=LINES, stdout=stdout)
    return run, gate


def written(path, size):
    return path.exists() and path.stat().st_size == size


def test_an_output_that_somebody_changes_is_not_taken_for_whole(case):
    output = case.path("out")
    for options in ([], ["--unordered"]):
        for name, (change, text) in CHANGES.items():
            run, gate = half_run(case, "-o", output, *options)
            case.wait_for(lambda: written(output, 15), "five lines")
            change(output)
            gate.open()
            assert run.wait() == 4, (name, options)
            lines = run.stderr().splitlines()
            assert [line for line in lines if text in line and "cannot write" in line], (name, options, lines)
            assert not [line for line in lines if "--resume to continue" in line], (name, options, lines)
            for path in case.directory.glob("out*"):
                path.unlink()
            case.path("moved").unlink(missing_ok=True)


def test_an_output_that_somebody_only_touches_is_whole(case):
    output = case.path("out")
    run, gate = half_run(case, "-o", output)
    case.wait_for(lambda: written(output, 15), "five lines")
    os.utime(output, (1, 1))
    with open(output, "r+b"):
        pass
    overwrite(output, 0, b"1")
    overwrite(output, 15, b"y")  # where the run writes next
    gate.open()
    run.expect(0)
    assert output.read_bytes() == LINES


def test_a_standard_output_that_somebody_cuts_is_not_taken_for_whole(case):
    for flags in (os.O_TRUNC, os.O_APPEND):
        path = case.file("log", b"")
        fd = os.open(path, os.O_WRONLY | flags)
        run, gate = half_run(case, stdout=fd)
        os.close(fd)
        case.wait_for(lambda: written(path, 15), "five lines")
        os.truncate(path, 0)
        gate.open()
        run.expect(4)
        assert re.search(r"cannot write standard output: somebody else made it shorter", run.stderr()), run.stderr()


def test_a_standard_output_may_have_other_writers(case):
    path = case.file("log", b"kept\n")
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    run, gate = half_run(case, stdout=fd)
    case.wait_for(lambda: written(path, 20), "five lines")
    os.write(fd, b"of another\n")
    os.close(fd)
    gate.open()
    run.expect(0)
    assert path.read_bytes() == b"kept\n" + LINES[:15] + b"of another\n" + LINES[15:]


def test_an_output_that_names_a_descriptor_is_written_as_the_shell_opened_it(case):
    case.path("link").symlink_to("/dev/stdout")
    case.file("in", LINES)
    names = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/proc/$$/fd/1", "link", "/proc/thread-self/fd/1"]
    runs = [(f"-o {name}", "") for name in names] + [("-o /dev/fd/3", "3>&1"), ("-o /proc/self/fd/7", "7>&1")]
    for option, more in runs:
        line = f"fanfold --quiet -i in {option} -- cat {more}"
        for redirection, kept in ((">> log", b"kept\n"), ("> log", b"")):
            case.file("log", b"kept\n")
            case.shell(f"{{ echo head; {line}; echo tail; }} {redirection}").expect(0)
            assert case.path("log").read_bytes() == kept + b"head\n" + LINES + b"tail\n", (option, redirection)
    piped = case.shell("fanfold --quiet -i in -o /dev/stdout -- cat | cat")
    assert piped.status == 0 and piped.output() == LINES
    assert not list(case.directory.glob("*.fanfold*"))


def test_an_output_that_names_no_open_descriptor_is_told(case):
    for name in ("/dev/fd/9", "/dev/stdin"):
        run = case.run("fanfold-sink", "-o", name, stdin=LINES)
        assert run.status == 4 and f"cannot open {name}: Bad file descriptor" in run.stderr(), run.stderr()
    run = case.run("fanfold-sink", "-o", "/dev/stdout", "--resume")
    assert run.status == 2 and "journal" in run.stderr(), run.stderr()


# ---- names that the run makes ----


def test_no_file_is_destroyed_that_has_a_name_the_run_makes(case):
    case.file("in", LINES)
    for name in ("out.fanfold", "out.fanfold.tmp", "out.dead-letters"):
        for content in (b"precious\n", b""):
            path = case.file(name, content)
            commands = [
                ["fanfold-sink", "-o", "out"],
                ["fanfold", "-i", name, "-o", "out", "--", "cat"],
                ["fanfold", "-a", name, "-o", "out", "--", "cat"],
                ["fanfold", "-i", "in", "-o", "out", "--joblog", name, "--", "cat"],
                ["fanfold", "-i", "in", "-o", "out", "--joblog", f"+{name}", "--", "cat"],
                ["fanfold", "-i", "in", "-o", "out", "--plugin", f"./{name}"],
                ["fanfold", "-i", "in", "-o", "out", "--on-error", "skip", "--", "cat"],
                ["fanfold", "-i", "in", "-o", "out", "--on-error", "skip", "--dead-letters", name, "--", "cat"],
            ]
            for program, *words in commands:
                run = case.run(program, "--quiet", *words)
                assert run.status in (2, 4) and run.stderr(), (name, words, run.status)
                assert path.read_bytes() == content, (name, words)
                assert not case.path("out").exists(), (name, words)
            path.unlink()


def test_an_output_is_no_other_file_of_the_run(case):
    for words in (["-i", "x"], ["--joblog", "x"], ["--plugin", "./x"], ["--dead-letters", "x"], ["--", "./x"]):
        path = case.file("x", b"#!/bin/cat\nprecious\n")
        path.chmod(0o755)
        words = ["-o", "x", *words] + ([] if "--" in words or "--plugin" in words else ["--", "cat"])
        run = case.run("fanfold", "--quiet", "--on-error", "skip", *words, stdin=LINES)
        assert run.status == 2 and re.search(r"x is the |the output is the input", run.stderr()), (words, run.stderr())
        assert path.read_bytes() == b"#!/bin/cat\nprecious\n", words


def test_a_file_that_gets_the_journals_name_during_the_run_is_left_alone(case):
    output, journal = case.path("out"), case.path("out.fanfold")
    run, gate = half_run(case, "-o", output)
    case.wait_for(lambda: position_of(output) == 5, "a commit")
    journal.unlink()
    journal.write_bytes(b"precious\n")
    gate.open()
    run.expect(4)
    assert "another file has got its name" in run.stderr(), run.stderr()
    assert journal.read_bytes() == b"precious\n"


def test_a_header_file_of_the_users_is_not_replaced(case):
    letters = case.path("letters")
    letters.mkdir()
    (letters / "header").write_bytes(b"precious\n")
    words = ["--quiet", "--header", "1", "-N1", "--on-error", "skip", "--dead-letters", letters, "-o", "out"]
    run = case.run("fanfold", *words, "--", "false", stdin=LINES)
    assert run.status == 2 and "header" in run.stderr(), run.stderr()
    assert (letters / "header").read_bytes() == b"precious\n"


def test_an_output_may_have_the_longest_name(case):
    records = Records(case, 20, {7: "!exit 1"})
    for length in (238, 242, 243, 244, 247, 248, 255):
        output = case.path("a" * length)
        words = ["--quiet", "--on-error", "skip", "-N1", "--retries", 1, "-j2", "-o", output]
        case.run("fanfold", *words, "-i", records.path, *misbehaving_program()).expect(1)
        case.assert_same(output, records.good)
        (letters,) = case.directory.glob("aaa*.dead-letters")
        assert {path.name for path in letters.iterdir()} == {"000001.input", "000001.json"}
        assert not list(case.directory.glob("aaa*.fanfold*"))
        shutil.rmtree(letters)
        output.unlink()


def test_a_run_with_the_longest_name_resumes(case):
    output = case.path("b" * 255)
    gate = case.gate()
    words = ["--quiet", "-o", output, *GATED]
    case.start("fanfold", *words, stdin=LINES)

    def position():
        (journal,) = list(case.directory.glob("bbb*~*.fanfold")) or [None]
        return journal and parse_journal(journal.read_bytes()).next

    case.wait_for(lambda: position() == 5, "a commit")
    kill_everything(case)
    gate.open()
    refused = case.run("fanfold", *words, stdin=LINES)
    assert refused.status == 2 and "give --resume" in refused.stderr(), refused.stderr()
    case.run("fanfold", "--resume", *words, stdin=LINES).expect(0)
    assert output.read_bytes() == LINES


NO_FSYNC = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
int fsync(int fd)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}
"""


NO_NAMELESS_FILES = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>
int open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    int mode = va_arg(list, int);
    va_end(list);
    if ((flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}
int open(const char *path, int flags, ...) __attribute__((alias("open64")));
"""


def preloaded(case, source):
    """The environment in which programs have the functions of this source in place of libc's."""
    if not shutil.which("cc"):
        case.skip("no cc")
    case.file("shim.c", source.encode())
    case.run("cc", "-shared", "-fPIC", "-o", "shim.so", "shim.c").expect(0)
    return {"LD_PRELOAD": str(case.path("shim.so"))}


def test_a_file_system_whose_directories_have_no_fsync_is_written_to(case):
    env = preloaded(case, NO_FSYNC)
    records = Records(case, 20, {7: "!exit 1"})
    words = ["--quiet", "--on-error", "skip", "-N1", "--retries", 1, "-o", case.path("out"), "-i", records.path]
    case.run("fanfold", *words, *misbehaving_program(), env=env).expect(1)
    case.assert_same(case.path("out"), records.good)


# ---- directories ----


def private_directories(case):
    return list(case.runtime.glob("fanfold-run-*"))


def test_a_private_directory_that_is_swept_away_is_there_again(case):
    output = case.path("out")
    run, gate = half_run(case, "-o", output)
    case.wait_for(lambda: written(output, 15), "five lines")
    (directory,) = private_directories(case)
    shutil.rmtree(directory)
    run.wait_for_stderr("^fanfold-ventilator: somebody removed .*/tasks, .*; it is there again$")
    run.wait_for_stderr("^fanfold-sink: somebody removed .*/results, .*; it is there again$")
    for pid in case.pids_of("fanfold-worker"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    gate.open()
    run.expect(0)
    assert output.read_bytes() == LINES
    case.assert_no_files_left()


def test_a_worker_finds_a_run_whose_directory_was_swept_away(case):
    programs = [case.start("fanfold-sink", "--quiet", "-o", "out"), case.start("fanfold-ventilator", "--quiet", stdin=LINES)]
    folder = case.runtime / "fanfold"
    case.wait_for(lambda: (folder / "tasks").exists() and (folder / "results").exists(), "the sockets")
    shutil.rmtree(folder)
    programs.append(case.start("fanfold-worker", "--quiet", "cat"))
    for program in programs:
        program.expect(0)
    assert case.path("out").read_bytes() == LINES


def test_what_a_killed_run_left_is_removed_by_the_next_and_a_living_run_keeps_its_own(case):
    living, gate = half_run(case, "-o", "living")
    case.wait_for(lambda: written(case.path("living"), 15), "five lines")
    (directory,) = private_directories(case)
    dead = case.runtime / "fanfold-run-dead00"
    shutil.copytree(directory, dead, ignore=lambda *_: ["tasks", "results"])
    dead.chmod(0o700)
    case.run("fanfold", "--quiet", "-o", "out", "--", "cat", stdin=LINES).expect(0)
    assert private_directories(case) == [directory]
    gate.open()
    living.expect(0)
    gate.shut()
    killed, _ = half_run(case, "-o", "killed")
    case.wait_for(lambda: written(case.path("killed"), 15), "five lines")
    for pid in case.leftovers():
        if Path(f"/proc/{pid}/comm").read_text(encoding="ascii") == "fanfold-cleanup\n":
            os.kill(pid, signal.SIGKILL)
    kill_everything(case)
    assert len(private_directories(case)) == 1, "nobody was left to remove it"
    gate.open()
    case.run("fanfold", "--quiet", "--resume", "-o", "killed", *GATED, stdin=LINES).expect(0)
    case.assert_no_files_left()
    assert killed.wait() == 137


def test_a_spill_file_that_a_killed_sink_left_is_removed_by_the_next(case):
    """On a file system where such a file has a name for a moment."""
    env = preloaded(case, NO_NAMELESS_FILES)
    folder, gate, text = case.path("spill"), case.gate(), case.text(4 << 20)
    folder.mkdir()
    dead, held, filled = (folder / f"fanfold-spill-{name}" for name in ("dead00", "held00", "filled"))
    for path in (dead, held, filled):
        path.write_bytes(b"precious\n" if path == filled else b"")
    with open(held, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = ["--quiet", "--block", "64K", "--buffer", "512K", "-j2", "--tmpdir", folder, "-i", text, "-o", "out"]
        script = '[ "$FANFOLD_SEQ" != 0 ] || : <gate; cat'
        run = case.start("fanfold", *words, "--", "sh", "-c", script, env=env)
        case.wait_for(lambda: not dead.exists(), "the dead sink's file to be removed")
        gate.open()
        run.expect(0)
        case.assert_same(case.path("out"), text)
        assert sorted(folder.iterdir()) == [filled, held]


# ---- limits ----


ABORTS = re.compile(r"Assertion|Abort|src/|signal 6")


def test_too_few_descriptors_are_told_by_each_program(case):
    programs = ["fanfold -j2 -N1 -o out -- cat", "fanfold-sink -o out", "fanfold-ventilator", "fanfold-worker -j2 cat"]
    for program in programs:
        for limit in (6, 8, 12, 16, 20):
            run = case.shell(f"ulimit -n {limit}; exec {program}", stdin=LINES)
            assert run.status == 4, (program, limit, run.status)
            assert re.search("open files", run.stderr(), re.I), (program, limit, run.stderr())
            assert not ABORTS.search(run.stderr()), (program, limit, run.stderr())


def test_a_program_gets_the_limit_of_descriptors_that_the_run_was_given(case):
    for slots in (2, 250):
        run = case.shell(f"ulimit -Sn 1024; exec fanfold --quiet -j{slots} -- sh -c 'cat >&2; ulimit -Sn'", stdin=b"one\n")
        assert run.status == 0 and run.output() == b"1024\n", (slots, run.output(), run.stderr())


def pids_group(case):
    """A control group of this test's own that limits processes, and what to write there."""
    for root in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
        group = f"{root}/fanfold-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            os.mkdir(group)
            if os.access(f"{group}/pids.max", os.W_OK):
                return group
            os.rmdir(group)
    return case.skip("no control group that limits processes")


def test_too_few_processes_are_told(case):
    group = pids_group(case)
    try:
        for limit in (2, 4, 6, 8, 10):
            with open(f"{group}/pids.max", "w", encoding="ascii") as file:
                file.write(str(limit))
            line = f"echo $$ > {group}/cgroup.procs && exec fanfold -j2 -N1 -o out -- cat"
            run = case.shell(line, stdin=LINES)
            assert run.status == 4, (limit, run.status, run.stderr())
            assert re.search("cannot start|no more threads", run.stderr()), (limit, run.stderr())
            case.assert_no_leftovers()
            for path in case.directory.glob("out*"):
                path.unlink()
    finally:
        case.wait_for(lambda: not open(f"{group}/cgroup.procs", encoding="ascii").read(), "the group to be empty")
        os.rmdir(group)


def test_a_missing_null_device_is_told_by_each_program(case):
    probe = case.run("unshare", "-m", "mount", "-t", "tmpfs", "none", "/dev")
    if probe.status != 0:
        case.skip("no mount namespace")
    for program in ("fanfold -- cat", "fanfold-sink -o out", "fanfold-ventilator", "fanfold-worker cat"):
        run = case.run("unshare", "-m", "sh", "-c", f"mount -t tmpfs none /dev && exec {program}", stdin=LINES)
        assert run.status == 4 and "cannot open /dev/null" in run.stderr(), (program, run.status, run.stderr())
