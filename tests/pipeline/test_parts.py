# SPDX-License-Identifier: MIT
"""--parts: each result is a file of its own, written by the worker or by the sink, the output is a manifest of them, and
--join makes of them what the output would have been. Kills, full disks and lost files change no byte."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from harness import build_directory, program_path

MIB = 1 << 20
BLOCK = ["--block", "256K"]
LINE = re.compile(r"(\d+) ([0-9a-f]{32}/(\d+)\.\d+\.\d+|-) (\d+) ([0-9a-f]{16})")


class Run:
    """A run whose results are parts in a directory, by a worker that writes them itself, or one that does not."""

    def __init__(self, case, size=4 * MIB):
        self.case, self.text = case, case.text(size).read_bytes()
        self.parts, self.manifest, self.out = case.path("parts"), case.path("manifest"), case.path("out")
        self.parts.mkdir()
        self.input = case.file("in", self.text)

    def start(self, *words, command=("--", "cat"), parts=None, resume=(), slots=2, sink=()):
        at = self.case.endpoints()
        by = [] if parts is False else ["--parts", parts or self.parts]
        self.ventilator = self.case.start("fanfold-ventilator", *at[:2], *BLOCK, "-i", self.input, *resume, *words)
        self.sink = self.case.start("fanfold-sink", *at, "--log-level", "info", "-o", self.manifest, "--parts", self.parts, *resume, *sink)
        self.worker = self.case.start("fanfold-worker", *at[:2], "--log-level", "info", f"-j{slots}", *by, *command)

    def expect(self, status=0):
        for process in (self.ventilator, self.sink, self.worker):
            process.expect(status)

    def lines(self):
        found = [LINE.fullmatch(line) for line in self.manifest.read_text().splitlines()]
        assert all(found), self.manifest.read_text()
        return found

    def files(self):
        return sorted(str(path.relative_to(self.parts)) for path in self.parts.glob("*/*"))

    def check(self, text=None):
        """The manifest is in order, names each file that there is, and joins to the text."""
        text = self.text if text is None else text
        lines = self.lines()
        seqs = [int(line[1]) for line in lines]
        assert seqs == sorted(set(seqs))
        assert sorted(line[2] for line in lines if line[2] != "-") == self.files()
        assert all(line[3] in (None, line[1]) for line in lines)
        joined = self.join("-o", self.out)
        assert self.out.read_bytes() == text
        assert f"joined {len(lines)} parts: {len(text)} bytes" in joined.stderr()
        assert self.join().output() == text

    def join(self, *words, status=0):
        run = self.case.run("fanfold-sink", "--join", self.manifest, "--parts", self.parts, *words)
        run.expect(status)
        return run

    def written(self):
        """By the worker, and failed."""
        found = re.search(r"parts written=(\d+) failed=(\d+)", self.worker.stderr())
        return (int(found[1]), int(found[2])) if found else None


PROGRAMS = [["--", "cat"], ["--mode", "lines", "--", "cat"], ["--plugin", str(build_directory() / "worker/examples/echo.so")]]


@pytest.mark.parametrize("command", PROGRAMS, ids=["cat", "lines", "plugin"])
def test_workers_write_parts_and_the_sink_their_manifest(case, command):
    run = Run(case)
    run.start(command=command)
    run.expect()
    run.check()
    assert run.written() == (len(run.lines()), 0) and len(run.lines()) > 10
    assert run.sink.output() == b""


def test_the_sink_writes_the_parts_of_workers_that_do_not(case):
    run = Run(case)
    run.start(parts=False)
    run.expect()
    run.check()
    assert run.written() is None


def test_fanfold_passes_the_directory_on(case):
    run = Run(case)
    words = ["--log-level", "info", *BLOCK, "-i", run.input, "-o", run.manifest, "--parts", run.parts, "cat"]
    run.worker = case.run("fanfold", *words)
    run.worker.expect(0)
    run.check()
    assert run.written() == (len(run.lines()), 0)


def test_empty_results_are_lines_without_a_file(case):
    run = Run(case)
    run.start(command=["--", "sh", "-c", "test $FANFOLD_SEQ = 3 || cat"])
    run.expect()
    assert [line[1] for line in run.lines() if line[2] == "-"] == ["3"]
    chunks = [(run.parts / line[2]).read_bytes() for line in run.lines() if line[2] != "-"]
    run.check(b"".join(chunks))


def test_dead_letters_have_no_line(case):
    run = Run(case)
    run.start("--on-error", "skip", "--retries", "1", command=["--", "sh", "-c", "test $FANFOLD_SEQ != 3 && cat"])
    run.ventilator.expect(1)
    assert "3" not in [line[1] for line in run.lines()] and len(run.lines()) > 10
    dead = case.path("manifest.dead-letters") / "000001.input"
    text = run.text.replace(dead.read_bytes(), b"", 1)
    run.check(text)


def test_results_with_bad_records_are_parts_of_the_sink(case):
    run = Run(case, 1)
    run.text = b"".join(b"%06d line\n" % n for n in range(50_000))
    run.input.write_bytes(run.text)
    script = f'f={case.path("chunk")}.$FANFOLD_SLOT; cat >$f; grep -q "^031415" $f && exit 3; cat $f'
    run.start("--on-error", "isolate", "--retries", "1", command=["--", "sh", "-c", script])
    run.ventilator.expect(1)
    run.check(run.text.replace(b"031415 line\n", b""))


# ---- what goes wrong ----


def held(run, script="GATE; cat", **more):
    """Its chunk 5 is held at a gate, once."""
    gate, here = run.case.gate(), run.case.path("here")
    gated = f"case $FANFOLD_SEQ in 5) test -e {here} || {{ : >{here}; : <{gate}; }};; esac"
    command = ["--", "sh", "-c", script.replace("GATE", gated)]
    run.start(command=command, **more)
    run.case.wait_for(here.exists, "a chunk runs")
    return gate, command


@pytest.mark.parametrize("parts", [None, False], ids=["worker", "sink"])
def test_a_run_that_is_killed_resumes_with_its_parts(case, parts):
    run = Run(case)
    gate, command = held(run, parts=parts, resume=["--resume"])
    case.wait_for(lambda: run.manifest.exists() and run.manifest.stat().st_size > 0, "parts are in the manifest")
    for process in (run.sink, run.worker, run.ventilator):
        process.signal(signal.SIGKILL)
        process.wait()
    gate.open()
    run.start(command=command, parts=parts, resume=["--resume"])
    run.expect()
    run.check()


@pytest.mark.parametrize("role", ["ventilator", "sink", "worker"])
def test_one_that_is_killed_is_started_again_and_the_rest_goes_on(case, role):
    run = Run(case)
    gate, command = held(run, resume=["--resume"])
    at = case.endpoints()
    killed = getattr(run, role)
    killed.signal(signal.SIGKILL)
    killed.wait()
    again = [str(word) for word in killed.popen.args]
    gate.open()
    setattr(run, role, case.start(os.path.basename(again[0]), *again[1:]))
    run.expect()
    run.check()


def test_what_other_attempts_left_is_removed_and_what_is_not_the_runs_stays(case):
    run = Run(case)
    gate, _ = held(run)
    (directory,) = run.parts.iterdir()
    for name in ("0.9.9", "1.7.1", "99.1.1", "2.1.1.tmp", "notes.txt", "3.1"):
        (directory / name).write_bytes(b"left over\n")
    gate.open()
    run.expect()
    left = {path.name for path in directory.iterdir()} - {line[2].split("/")[1] for line in run.lines()}
    assert left == {"notes.txt", "3.1"}


def test_a_worker_whose_directory_is_another_is_said_and_sends_its_results(case):
    run = Run(case)
    other = case.path("other")
    other.mkdir()
    gate, _ = held(run, parts=other)
    gate.open()
    run.expect()
    run.check()
    assert "warning: cannot write a result to --parts: No such file or directory; its bytes are sent" in run.worker.stderr()


def test_parts_that_the_sink_does_not_find_are_said_and_sent(case):
    run = Run(case)
    other = case.path("other")
    other.mkdir()
    gate, here = case.gate(), case.path("here")
    script = f"test -e {here} || {{ : >{here}; : <{gate}; }}; cat"
    run.start(parts=other, command=["--", "sh", "-c", script], slots=1)
    case.wait_for(here.exists, "a chunk runs")
    (directory,) = run.parts.iterdir()
    (other / directory.name).mkdir()
    gate.open()
    run.expect()
    run.check()
    assert "warning: a worker says that it has written the part" in run.sink.stderr()
    assert run.written()[1] == 0


def is_writer(status, parent):
    try:
        text = status.read_text()
    except OSError:
        return False
    return "Name:\tfanfold-parts\n" in text and f"\nPPid:\t{parent}\n" in text


def writers(run):
    """The processes of the worker that write parts."""
    found = [status for status in Path("/proc").glob("[0-9]*/status") if is_writer(status, run.worker.popen.pid)]
    return [int(status.parent.name) for status in found]


def test_results_are_sent_where_the_processes_that_write_them_are_gone(case):
    run = Run(case)
    gate, _ = held(run)
    pids = writers(run)
    assert len(pids) == 2
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    gate.open()
    run.expect()
    run.check()
    assert "warning: cannot write a result to --parts: Broken pipe; its bytes are sent" in run.worker.stderr()


def test_a_file_system_that_is_full_ends_the_run_and_it_resumes_once_there_is_room(case):
    """The worker cannot write its part, the sink cannot either."""
    mounts = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*mounts, "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True).returncode:
        case.skip("unshare makes no mount namespace here")
    run = Run(case)
    saved = case.path("saved")
    words = " ".join(["--log-level", "info", "-j2", *BLOCK, "--resume", "-i", str(run.input), "-o", str(run.manifest), "--parts", str(run.parts), "cat"])
    script = f"""
        mount -t tmpfs -o size=1m none {run.parts}
        {program_path("fanfold")} {words}; echo first $? >&2
        mount -o remount,size=64m {run.parts}
        {program_path("fanfold")} {words}; echo second $? >&2
        cp -r {run.parts} {saved}"""
    both = case.run(*mounts, "sh", "-c", script)
    both.expect(0)
    said = both.stderr()
    assert "first 4" in said and "second 0" in said, said
    assert "warning: cannot write a result to --parts: No space left on device" in said
    assert re.search(r"cannot write a part to \S+: No space left on device", said), said
    run.parts = saved
    run.check()


def test_a_run_resumes_with_parts_only_as_before(case):
    run = Run(case)
    gate, command = held(run, resume=["--resume"])
    case.wait_for(lambda: run.manifest.stat().st_size > 0, "parts are in the manifest")
    for process in (run.worker, run.ventilator, run.sink):
        process.signal(signal.SIGTERM if process is run.sink else signal.SIGKILL)
        process.wait()
    gate.open()
    sink = ["fanfold-sink", *case.endpoints(), "-o", run.manifest, "--resume"]
    without = case.run(*sink)
    without.expect(2)
    assert "has its results in parts: give --parts as before" in without.stderr()
    other = case.path("other")
    other.mkdir()
    elsewhere = case.run(*sink, "--parts", other)
    elsewhere.expect(2)
    assert f"{other} has no parts of this run: give --parts as before" in elsewhere.stderr()
    run.start(command=command, resume=["--resume"])
    run.expect()
    run.check()


# ---- join ----


def test_a_part_that_is_missing_cut_or_changed_is_said(case):
    run = Run(case, MIB)
    run.start()
    run.expect()
    line = run.lines()[2]
    part = run.parts / line[2]
    whole = part.read_bytes()
    part.unlink()
    for words in (["-o", run.out], []):
        joined = run.join(*words, status=4)
        assert f"cannot join {part}: No such file or directory" in joined.stderr()
    part.write_bytes(whole[:-1])
    assert f"{part} is not the part that the run has written: the manifest says {line[4]} bytes with the hash {line[5]}" in run.join("-o", run.out, status=4).stderr()
    part.write_bytes(b"X" + whole[1:])
    assert f"{part} is not the part that the run has written" in run.join(status=4).stderr()
    assert not run.out.exists() and not case.path("out.joining").exists()


def test_what_is_no_manifest_is_said(case):
    parts = case.path("parts")
    parts.mkdir()
    good = "0 " + "0" * 32 + "/0.1.1 5 " + "0" * 16
    for content, number in (
        ("hello\n", 1),
        (good, 1),
        (good + "\n" + good + "\n", 2),
        ("0 ../../etc/passwd 5 " + "0" * 16 + "\n", 1),
        ("0 " + "0" * 32 + "/../x 5 " + "0" * 16 + "\n", 1),
        ("1 " + "0" * 32 + "/0.1.1 5 " + "0" * 16 + "\n", 1),
        (good + " more\n", 1),
    ):
        path = case.file("manifest", content.encode())
        run = case.run("fanfold-sink", "--join", path, "--parts", parts, "-o", case.path("out"))
        run.expect(2)
        assert f"{path} is no manifest of parts: see its line {number}" in run.stderr()
    run = case.run("fanfold-sink", "--join", path, "--parts", parts, "-o", path)
    run.expect(2)
    assert "is the manifest: name another file" in run.stderr()


class Xfs:
    """A file system of our own that can share blocks, in a file, mounted where only its programs see it."""

    def __init__(self, case):
        if os.geteuid() != 0:
            case.skip("needs root, for a loop device")
        if not shutil.which("mkfs.xfs"):
            case.skip("needs mkfs.xfs (xfsprogs)")
        self.case, self.image, self.mount = case, case.path("image"), case.path("mount")
        with self.image.open("wb") as file:
            file.truncate(320 * MIB)
        subprocess.run(["mkfs.xfs", "-q", "-m", "reflink=1", self.image], check=True)
        self.mount.mkdir()
        tried = subprocess.run(["unshare", "-m", "mount", "-o", "loop", self.image, self.mount], capture_output=True, text=True)
        if tried.returncode:
            case.skip(f"cannot mount XFS from a loop device here: {tried.stderr.strip()}")

    def run(self, script):
        run = self.case.run("unshare", "-m", "sh", "-ec", f"mount -o loop {self.image} {self.mount}; {script}")
        run.expect(0)
        return run


def test_blocks_are_shared_where_the_file_system_can(case):
    xfs = Xfs(case)
    text = case.text(8 * MIB).read_bytes()
    source = case.file("in", text)
    fanfold, sink = program_path("fanfold"), program_path("fanfold-sink")
    at = f"--parts {xfs.mount}/parts"
    script = f"""
        mkdir {xfs.mount}/parts
        {fanfold} --fixed 65536 --block 1M -i {source} -o {xfs.mount}/manifest {at} cat
        {sink} --join {xfs.mount}/manifest {at} -o {xfs.mount}/out
        cmp {source} {xfs.mount}/out
        {fanfold} {" ".join(BLOCK)} -i {source} -o {xfs.mount}/lines {at} cat
        {sink} --join {xfs.mount}/lines {at} -o {xfs.mount}/out2
        cmp {source} {xfs.mount}/out2"""
    said = xfs.run(script).stderr()
    shared = [(int(found[1]), int(found[2])) for found in re.finditer(r"(\d+) bytes, (\d+) of them shared", said)]
    assert shared[0] == (8 * MIB, 8 * MIB)
    assert shared[1][0] == 8 * MIB and 0 < shared[1][1] < 8 * MIB


# ---- the command line ----


@pytest.mark.parametrize(
    "words, said",
    [
        (["--parts", "d"], "--parts: expected -o FILE, a regular file, for the manifest"),
        (["--parts", "d", "-o", "push:tcp://127.0.0.1:9"], "--parts: expected -o FILE"),
        (["--parts", "d", "-o", "x", "--unordered"], "--parts: expected no --unordered"),
        (["--parts", "d", "-o", "x", "--rotate", "1M"], "--parts: expected no --rotate"),
        (["--parts", "d", "-o", "x", "--frames-out"], "--parts: expected no --frames-out"),
        (["--join", "m"], "--join: expected --parts DIR"),
    ],
)
def test_words_that_do_not_go_together(case, words, said):
    run = case.run("fanfold-sink", *words)
    run.expect(2)
    assert said in run.stderr()


def test_directories_that_are_not_there_are_said(case):
    none = case.path("none")
    run = case.run("fanfold-sink", *case.endpoints(), "-o", case.path("out"), "--parts", none)
    run.expect(2)
    assert re.search(rf"cannot write parts to {none}/[0-9a-f]+: No such file", run.stderr())
    run = case.run("fanfold-worker", "--parts", none, "--", "cat")
    run.expect(2)
    assert f"--parts {none}: No such file or directory" in run.stderr()


def test_headers_of_results_exclude_parts(case):
    run = Run(case, MIB)
    run.start("--header-out", "1")
    run.sink.expect(2)
    assert "--parts excludes --header-out: each part keeps its header" in run.sink.stderr()
    for process in (run.ventilator, run.worker):
        process.signal(signal.SIGTERM)
        process.wait()
