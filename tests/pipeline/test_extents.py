# SPDX-License-Identifier: MIT
"""Chunks by reference: a worker on the same host reads a file's chunks itself. Whatever becomes of the file, the output is
what cat makes of what the ventilator read, and a file that nobody can read in place goes by value."""

import gzip
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

MIB = 1 << 20
OLD = 1_600_000_000
BLOCK = ["--block", "256K"]


def settled(path):
    """As if it had been written long ago: only then a later change is sure to show."""
    os.utime(path, ns=(OLD * 10**9, OLD * 10**9 + 1))
    return path


def old_file(case, name, content):
    return settled(case.file(name, content))


def referred(run):
    """How many tasks went by reference."""
    found = re.search(r"by_reference tasks=(\d+)", run.stderr())
    return int(found[1]) if found else 0


def run_over(case, *words, command=("--", "cat"), status=0, **more):
    run = case.run("fanfold", "--log-level", "info", "-j2", *BLOCK, *words, *command, **more)
    run.expect(status)
    return run


PROGRAMS = [
    ["--", "cat"],
    ["--", "head", "-c", "100000000"],
    ["--mode", "lines", "--", "cat"],
]


def plugin(name="echo"):
    from harness import build_directory

    return ["--plugin", str(build_directory() / f"worker/examples/{name}.so")]


@pytest.mark.parametrize("command", [*PROGRAMS, None], ids=["cat", "head", "lines", "plugin"])
def test_a_file_is_read_by_the_workers_and_the_output_is_the_file(case, command):
    text = case.text(4 * MIB).read_bytes()
    run = run_over(case, "-i", old_file(case, "in", text), command=command or plugin())
    assert run.output() == text
    assert referred(run) > 4


def test_standard_input_links_and_inputs_with_a_seam_are_read_too(case):
    text = case.text(2 * MIB).read_bytes()
    path = old_file(case, "in", text)
    link = case.path("link")
    link.symlink_to(path)
    with path.open("rb") as file:
        file.seek(100)
        run = run_over(case, stdin=file)
    assert referred(run) and run.output() == text[100:]
    run = run_over(case, "-i", link)
    assert referred(run) and run.output() == text
    first, last = old_file(case, "a", text[:-1] + b"x"), old_file(case, "b", text)
    for command in (["--", "cat"], plugin(), ["--mode", "lines", "--", "cat"]):
        run = run_over(case, "-i", first, "-i", last, command=command)
        assert referred(run) and run.output() == text[:-1] + b"x\n" + text


def test_a_header_precedes_each_chunk_of_a_file(case):
    lines = b"".join(b"%d,some words\n" % n for n in range(100_000))
    path = old_file(case, "in", b"n,words\n" + lines)
    for command in (["--", "sh", "-c", "read -r h; test $h = n,words && cat"], plugin()):
        run = run_over(case, "--header", "1", "-i", path, command=command)
        assert referred(run)
        assert run.output().replace(b"n,words\n", b"") == lines


def test_pipes_compressed_files_new_files_and_small_chunks_go_by_value(case):
    text = case.text(MIB).read_bytes()
    path = old_file(case, "in", text)
    feeder = case.start("cat", path, stdout=subprocess.PIPE)
    assert referred(run_over(case, stdin=feeder.popen.stdout)) == 0
    run = run_over(case, "-i", old_file(case, "in.gz", gzip.compress(text)))
    assert referred(run) == 0 and run.output() == text
    os.utime(path, ns=(2**62, 2**62))
    run = run_over(case, "-i", path)
    assert referred(run) == 0 and run.output() == text
    run = case.run("fanfold", "--log-level", "info", "--block", "32K", "-i", settled(path), "--", "cat")
    run.expect(0)
    assert referred(run) == 0 and run.output() == text


def test_by_value_sends_the_bytes(case):
    text = case.text(MIB).read_bytes()
    run = run_over(case, "--by-value", "-i", old_file(case, "in", text))
    assert referred(run) == 0 and run.output() == text


def test_a_sparse_file_and_one_on_tmpfs(case):
    path = case.file("in", b"")
    with path.open("r+b") as file:
        file.truncate(3 * MIB)
        file.seek(MIB)
        file.write(b"middle\n")
    run = run_over(case, "--fixed", "4096", "-i", settled(path))
    assert referred(run) and run.output() == path.read_bytes()
    shared = Path(f"/dev/shm/fanfold-test-{os.getpid()}")
    try:
        shared.write_bytes(path.read_bytes())
        run = run_over(case, "--fixed", "4096", "-i", settled(shared), command=plugin())
        assert referred(run) and run.output() == shared.read_bytes()
    finally:
        shared.unlink()


class Held:
    """A run whose first chunk is held at a gate by its program, before or after it has read; the others wait behind it."""

    def __init__(self, case, script, *words, size=4 * MIB, name="in"):
        self.case, self.text = case, case.text(size).read_bytes()
        self.path = old_file(case, name, self.text)
        self.gate, self.here = case.gate(), case.path("here")
        script = script.replace("GATE", f"case $FANFOLD_SEQ in 0) test -e {self.here} || {{ : >{self.here}; : <{self.gate}; }};; esac")
        command = ["--log-level", "info", "-j1", *BLOCK, *words, "-i", self.path, "--", "sh", "-c", script]
        self.run = case.start("fanfold", *command)
        case.wait_for(self.here.exists, "the first chunk runs")

    def go_on(self, status=0):
        self.gate.open()
        self.run.expect(status)
        return self.run


BEFORE, AFTER = "GATE; cat", "cat; GATE"


@pytest.mark.parametrize("script", [BEFORE, AFTER])
@pytest.mark.parametrize("change", ["touched", "appended"])
def test_a_file_that_is_touched_or_appended_is_sent_by_value(case, script, change):
    held = Held(case, script)
    if change == "touched":
        os.utime(held.path)
    else:
        with held.path.open("ab") as file:
            file.write(b"more\n")
    run = held.go_on()
    assert run.output() in (held.text, held.text + b"more\n")
    assert "retried=0" in run.stderr() and "failed=0" in run.stderr()


@pytest.mark.parametrize("change", ["unlinked", "renamed", "replaced"])
def test_a_file_whose_name_goes_is_read_on(case, change):
    held = Held(case, BEFORE)
    if change == "unlinked":
        held.path.unlink()
    elif change == "renamed":
        held.path.rename(case.path("elsewhere"))
    else:
        os.replace(case.file("other", b"other\n" * MIB), held.path)
    run = held.go_on()
    assert run.output() == held.text
    assert referred(run) > 4


@pytest.mark.parametrize("script", [BEFORE, AFTER])
def test_a_file_that_is_changed_or_cut_short_gives_no_wrong_byte(case, script):
    """The bytes that were cut are gone, and the ventilator says so, as it does when a chunk is tried again."""
    for number, change in enumerate(("changed", "truncated")):
        held = Held(case, script, name=f"in{number}")
        with held.path.open("r+b") as file:
            if change == "changed":
                file.write(b"X" * (4 * MIB))
            else:
                file.truncate(1000)
        held.gate.open()
        held.run.expect(4)
        assert "again: it was changed while it was read" in held.run.stderr() or "shorter than it was" in held.run.stderr()
        assert held.text.startswith(held.run.output())
        held.gate.shut()
        held.here.unlink()


def test_a_failure_on_a_file_that_changed_is_not_the_chunks(case):
    """retries 1: if it were charged, the run would stop."""
    held = Held(case, f"GATE; cat; test ! -e {case.path('fail')} || {{ rm -f {case.path('fail')}; exit 3; }}", "--retries", "1")
    case.file("fail", b"")
    os.utime(held.path)
    run = held.go_on()
    assert run.output() == held.text


def start_run(case, *ventilator, worker=("--", "cat"), before=()):
    at, output = case.endpoints(), case.path("out")
    v = case.start("fanfold-ventilator", *at[:2], "--log-level", "info", *BLOCK, *ventilator)
    s = case.start("fanfold-sink", *at, "-o", output)
    v.wait_for_stderr("bound")
    words = ["fanfold-worker", *at[:2], "-j2", *worker]
    if before:
        from harness import program_path

        words[0] = program_path(words[0])
    w = case.start(*before, *words)
    return v, s, w, output


def test_a_worker_in_another_pid_namespace_is_sent_the_bytes(case):
    """It cannot look into the ventilator's descriptors, says so once, and costs nothing."""
    if subprocess.run(["unshare", "--user", "--map-current-user", "-pf", "--mount-proc", "true"], capture_output=True).returncode:
        case.skip("unshare makes no namespaces here")
    text = case.text(2 * MIB).read_bytes()
    before = ["unshare", "--user", "--map-current-user", "-pf", "--mount-proc"]
    path = old_file(case, "in", text)
    v, s, w, output = start_run(case, "-i", path, "--retries", "1", before=before)
    for process in (v, s, w):
        process.expect(0)
    assert output.read_bytes() == text
    assert referred(v) and "failed=0" in v.stderr() and "retried=0" in v.stderr()


def test_a_worker_that_cannot_open_the_descriptors_is_sent_the_bytes(case):
    """A process without capabilities may not look into one that has them."""
    text = case.text(2 * MIB).read_bytes()
    path = old_file(case, "in", text)
    if os.geteuid() != 0 or subprocess.run(["setpriv", "--version"], capture_output=True).returncode:
        case.skip("needs root, and setpriv")
    before = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    v, s, w, output = start_run(case, "-i", path, "--retries", "1", before=before)
    for process in (v, s, w):
        process.expect(0)
    assert output.read_bytes() == text
    assert referred(v) and "failed=0" in v.stderr() and "retried=0" in v.stderr()


def test_a_ventilator_that_is_killed_resumes_over_references(case):
    text = case.text(4 * MIB).read_bytes()
    path = old_file(case, "in", text)
    at, output, gate, here = case.endpoints(), case.path("out"), case.gate(), case.path("here")
    script = f"case $FANFOLD_SEQ in 3) test -e {here} || {{ : >{here}; : <{gate}; }};; esac; cat"
    words = [*at[:2], "--log-level", "info", "--resume", *BLOCK, "-i", path]
    first = case.start("fanfold-ventilator", *words)
    sink = case.start("fanfold-sink", *at, "-o", output)
    worker = case.start("fanfold-worker", *at[:2], "-j1", "--", "sh", "-c", script)
    case.wait_for(here.exists, "a chunk runs")
    first.signal(signal.SIGKILL)
    first.wait()
    second = case.start("fanfold-ventilator", *words)
    second.wait_for_stderr("bound")
    gate.open()
    for process in (second, sink, worker):
        process.expect(0)
    assert output.read_bytes() == text
    assert referred(second)


def test_records_that_fail_are_isolated_by_value(case):
    lines = b"".join(b"%06d line\n" % n for n in range(50_000))
    path = old_file(case, "in", lines)
    script = 'grep -q "^031415" && exit 3; exit 0'
    command = ["--", "sh", "-c", f"tee {case.path('chunk')}.$FANFOLD_SLOT | ({script}) || exit 3; cat {case.path('chunk')}.$FANFOLD_SLOT"]
    run = run_over(case, "--on-error", "isolate", "--retries", "1", "-i", path, command=command, status=1)
    assert run.output() == lines.replace(b"031415 line\n", b"")
