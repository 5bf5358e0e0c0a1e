# SPDX-License-Identifier: MIT
"""--by-reference --root: workers on other hosts, here ones that are reached by tcp, read chunks from a file system that both
see, by paths below it. Whatever they find there, the output is what cat makes of what the ventilator read."""

import os
import re
import shutil
import signal
import subprocess

import pytest
from harness import build_directory, program_path
from stalling import CACHES, stalling

MIB = 1 << 20
OLD = 1_600_000_000
AT = ["--insecure", "--tasks", "tcp://127.0.0.1:*"]
PLUGIN = ["--plugin", str(build_directory() / "worker/examples/echo.so")]


def old_file(path, content):
    """As if it had been written long ago: only then a later change is sure to show."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(OLD * 10**9, OLD * 10**9 + 1))
    return path


class Hosts:
    """A tree that holds an input, and a run over it whose worker is reached as one on another host is."""

    def __init__(self, case, size=4 * MIB, shared=None):
        self.case, self.text = case, case.text(size).read_bytes()
        self.tree, self.there = (shared.behind, shared.path) if shared else (case.path("tree"), case.path("seen/there"))
        self.input = old_file(self.tree / "data/in", self.text)
        if not shared:
            self.there.parent.mkdir()
            self.there.symlink_to(self.tree)
        self.output = case.path("out")

    def start_ventilator(self, *words, by=None):
        by = ["--by-reference", "--root", self.tree] if by is None else by
        words = ["--log-level", "info", "--retries", "1", "--block", "256K", *by, "-i", self.input, *words]
        self.ventilator = self.case.start("fanfold-ventilator", *AT, *words)
        self.tasks = self.ventilator.wait_for_stderr(r"bound tasks=(\S+)")[1]

    def start_sink(self):
        words = ["--insecure", "--tasks", self.tasks, "--results", "tcp://127.0.0.1:*", "-o", self.output]
        self.sink = self.case.start("fanfold-sink", *words)

    def start_worker(self, *words, command=("--", "cat"), before=()):
        program = [*before, program_path("fanfold-worker")] if before else ["fanfold-worker"]
        return self.case.start(*program, "--insecure", "--tasks", self.tasks, "-j2", "--log-level", "info", *words, *command)

    def run(self, *words, root=None, by=None, **worker):
        root = self.there if root is None else root
        self.start_ventilator(*words, by=by)
        self.start_sink()
        self.worker = self.start_worker(*(["--root", root] if root else []), **worker)
        self.expect(self.worker)

    def expect(self, *workers, status=0):
        for process in (self.ventilator, self.sink, *workers):
            process.expect(status)
        assert self.output.read_bytes() == self.text
        assert "failed=0" in self.ventilator.stderr() and "retried=0" in self.ventilator.stderr()

    def referred(self):
        found = re.search(r"by_reference tasks=(\d+)", self.ventilator.stderr())
        return int(found[1]) if found else 0


PROGRAMS = [["--", "cat"], ["--", "head", "-c", "100000000"], ["--mode", "lines", "--", "cat"], PLUGIN]


@pytest.mark.parametrize("command", PROGRAMS, ids=["cat", "head", "lines", "plugin"])
def test_a_worker_reads_the_file_by_its_own_path_of_the_tree(case, command):
    hosts = Hosts(case)
    hosts.run(command=command)
    assert hosts.referred() > 4
    assert "no_chunk_file" not in hosts.worker.stderr() and "warning: the worker" not in hosts.ventilator.stderr()


def test_a_worker_sees_the_tree_through_a_mount_of_its_own(case):
    """Another device number, as on another host, and another path."""
    mounts = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*mounts, "true"], capture_output=True).returncode:
        case.skip("unshare makes no mount namespace here")
    hosts = Hosts(case)
    mount = case.path("mount")
    mount.mkdir()
    before = [*mounts, "sh", "-c", f'mount --bind "{hosts.tree}" "{mount}" && exec "$@"', "sh"]
    hosts.run(root=mount, before=before)
    assert hosts.referred() > 4


def test_a_kernel_without_openat2_follows_no_link_at_all(case):
    """The ventilator names files without links: only one that is in the worker's tree alone is refused."""
    strace = ["strace", "-qq", "-f", "-o", case.path("trace"), "-e", "trace=openat2", "-e", "inject=openat2:error=ENOSYS"]
    if subprocess.run([*strace, "true"], capture_output=True).returncode:
        case.skip("strace cannot trace here")
    hosts = Hosts(case, MIB)
    hosts.run(before=strace)
    assert hosts.referred() > 1 and "ENOSYS" in case.path("trace").read_text()
    assert "warning: the worker" not in hosts.ventilator.stderr()
    other = case.path("other")
    other.mkdir()
    (other / "data").symlink_to(hosts.tree / "data")
    hosts.output = case.path("again")
    refused(hosts, "cannot be read: leads out of that directory", before=strace)


def test_links_and_several_inputs_below_the_root_are_read_too(case):
    hosts = Hosts(case, 2 * MIB)
    more = old_file(hosts.tree / "more", hosts.text[:-1] + b"x")
    link = hosts.tree / "link"
    link.symlink_to("more")
    aside = case.path("aside")
    aside.symlink_to(hosts.tree / "data")
    hosts.text += more.read_bytes() + b"\n" + more.read_bytes()
    hosts.run("-i", link, "-i", more)
    assert hosts.referred() > 4
    hosts.input, hosts.output = aside / "in", case.path("again")
    hosts.run("-i", link, "-i", more)
    assert hosts.referred() > 4


@pytest.mark.parametrize("by", [None, []])
def test_it_takes_both_sides(case, by):
    """A worker without --root, and one with it where the ventilator did not say --by-reference."""
    hosts = Hosts(case)
    hosts.run(by=by, root=False if by is None else None)
    assert hosts.referred() == 0


def test_workers_with_and_without_a_root_do_one_run(case):
    hosts = Hosts(case, 16 * MIB)
    hosts.start_ventilator("--min-workers", "2")
    workers = [hosts.start_worker("--root", hosts.there), hosts.start_worker()]
    hosts.start_sink()
    hosts.expect(*workers)
    assert hosts.referred()


def refused(hosts, why, **worker):
    hosts.run(root=hosts.case.path("other"), **worker)
    said = hosts.ventilator.stderr()
    assert re.search(rf"warning: the worker on \S+ is sent the bytes of chunks, as it cannot read them in place: '.*' below its --root {why}", said), said
    assert said.count("warning: the worker") <= 5


def test_a_copy_of_the_file_is_another_file(case):
    """The same size and times: what lies there may still be another version of it."""
    hosts = Hosts(case)
    shutil.copytree(hosts.tree, case.path("other"))
    status = os.stat(hosts.input)
    os.utime(case.path("other") / "data/in", ns=(status.st_atime_ns, status.st_mtime_ns))
    refused(hosts, "is another file: its inode has another number")


def test_a_tree_without_the_file_is_said(case):
    hosts = Hosts(case)
    case.path("other").mkdir()
    refused(hosts, "cannot be read: No such file or directory")


@pytest.mark.parametrize("target", ["{tree}/data", "../tree/data"])
def test_a_link_that_leaves_the_root_is_not_followed(case, target):
    hosts = Hosts(case)
    other = case.path("other")
    other.mkdir()
    (other / "data").symlink_to(target.format(tree=hosts.tree))
    assert (other / "data/in").read_bytes() == hosts.text
    refused(hosts, "cannot be read: leads out of that directory")


def test_a_fifo_in_the_place_of_the_file_is_not_opened(case):
    hosts = Hosts(case)
    (case.path("other") / "data").mkdir(parents=True)
    os.mkfifo(case.path("other") / "data/in")
    refused(hosts, "cannot be read: is no regular file")


class Held(Hosts):
    """Its first chunk is held at a gate by its program, after it has read; the others wait behind it."""

    def __init__(self, case, script="cat; GATE", shared=None):
        super().__init__(case, shared=shared)
        self.gate, here = case.gate(), case.path("here")
        held = f"case $FANFOLD_SEQ in 0) test -e {here} || {{ : >{here}; : <{self.gate}; }};; esac"
        self.start_ventilator()
        self.start_sink()
        self.worker = self.start_worker("--root", self.there, command=["--", "sh", "-c", script.replace("GATE", held)])
        case.wait_for(here.exists, "the first chunk runs")


@pytest.mark.parametrize("script", ["GATE; cat", "cat; GATE"])
def test_a_file_that_is_touched_meanwhile_is_sent(case, script):
    held = Held(case, script)
    os.utime(held.input)
    held.gate.open()
    held.expect(held.worker)


@pytest.mark.parametrize("script", ["GATE; cat", "cat; GATE"])
def test_a_file_that_is_changed_meanwhile_gives_no_wrong_byte(case, script):
    held = Held(case, script)
    with held.input.open("r+b") as file:
        file.write(b"X" * (4 * MIB))
    held.gate.open()
    held.ventilator.expect(4)
    assert "again: it was changed while it was read" in held.ventilator.stderr()
    assert held.text.startswith(held.output.read_bytes() if held.output.exists() else b"")


def test_a_change_behind_what_the_kernel_remembers_is_seen(case):
    """As on NFS: another host changes the file, and this one has its size and times in a cache."""
    with stalling(case, "shared", CACHES) as shared:
        held = Held(case, "GATE; cat", shared=shared)
        before = os.stat(shared.path / "data/in").st_mtime_ns
        with held.input.open("r+b") as file:
            file.write(b"X" * (4 * MIB))
        assert os.stat(shared.path / "data/in").st_mtime_ns == before
        held.gate.open()
        held.ventilator.expect(4)
        assert "again: it was changed while it was read" in held.ventilator.stderr()
        for process in (held.sink, held.worker):
            process.wait()
        assert held.text.startswith(held.output.read_bytes() if held.output.exists() else b"")


def test_both_sides_may_see_it_through_another_file_system(case):
    with stalling(case, "shared", CACHES) as shared:
        hosts = Hosts(case, shared=shared)
        hosts.run()
        assert hosts.referred() > 4
        hosts.tree, hosts.there, hosts.input = shared.path, shared.behind, shared.path / "data/in"
        hosts.output = case.path("again")
        hosts.run()
        assert hosts.referred() > 4


def test_a_file_whose_place_another_takes_is_sent(case):
    held = Held(case)
    os.replace(old_file(held.tree / "new", b"other\n" * MIB), held.input)
    held.worker.signal(signal.SIGKILL)
    held.gate.open()
    held.case.processes.remove(held.worker)
    held.worker.wait()
    late = held.start_worker("--root", held.there)
    for process in (held.ventilator, held.sink, late):
        process.expect(0)
    assert held.output.read_bytes() == held.text
    assert "is another file" in held.ventilator.stderr()


def test_a_ventilator_that_is_killed_resumes_over_references(case):
    hosts = Hosts(case)
    gate, here = case.gate(), case.path("here")
    script = f"case $FANFOLD_SEQ in 3) test -e {here} || {{ : >{here}; : <{gate}; }};; esac; cat"
    hosts.start_ventilator("--resume")
    first, tasks = hosts.ventilator, hosts.tasks
    hosts.start_sink()
    worker = hosts.start_worker("--root", hosts.there, command=["--", "sh", "-c", script])
    case.wait_for(here.exists, "a chunk runs")
    first.signal(signal.SIGKILL)
    first.wait()
    hosts.start_ventilator("--resume", "--tasks", tasks)
    gate.open()
    for process in (hosts.ventilator, hosts.sink, worker):
        process.expect(0)
    assert hosts.output.read_bytes() == hosts.text


def test_inputs_that_nobody_else_sees_are_said(case):
    inside = old_file(case.path("tree/in"), b"a\n")
    outside = old_file(case.path("tree-2/in"), b"a\n")
    (case.path("tree") / "link").symlink_to(outside)
    by = ["fanfold-ventilator", "--by-reference", "--root", case.path("tree")]
    for path in (outside, case.path("tree/link")):
        run = case.run(*by, "-i", inside, "-i", path)
        run.expect(2)
        assert f"{path} is not below {case.path('tree')}: with --by-reference, each input is a file" in run.stderr()
    run = case.run("sh", "-c", f"echo a | {program_path(by[0])} --by-reference --root {case.path('tree')}")
    run.expect(2)
    assert "standard input is no regular file: with --by-reference" in run.stderr()
    run = case.run(*by[:2], "--root", case.path("none"), "-i", inside)
    run.expect(2)
    assert f"--root {case.path('none')}: No such file" in run.stderr()
    run = case.run("fanfold-worker", "--root", inside, "--", "cat")
    run.expect(2)
    assert f"--root {inside}: Not a directory" in run.stderr()


def test_a_file_that_was_just_changed_is_said(case):
    hosts = Hosts(case)
    os.utime(hosts.input, ns=(2**62, 2**62))
    hosts.run()
    assert hosts.referred() == 0
    assert f"warning: {hosts.input} was changed a moment ago" in hosts.ventilator.stderr()


@pytest.mark.parametrize(
    "words, said",
    [
        (["--by-reference"], "--by-reference needs --root DIR"),
        (["--root", "/"], "--root needs --by-reference"),
        (["--by-reference", "--root", "/", "--by-value"], "--by-reference and --by-value exclude each other"),
        (["--by-reference", "--root", "/", "-i", "pull:tcp://127.0.0.1:9"], "--by-reference is for files"),
    ],
)
def test_words_that_do_not_go_together(case, words, said):
    run = case.run("fanfold-ventilator", "--insecure", *words)
    run.expect(2)
    assert said in run.stderr()


def test_fanfold_passes_both_on(case):
    hosts = Hosts(case)
    words = ["--insecure", "--tasks", "tcp://127.0.0.1:*", "--results", "tcp://127.0.0.1:*"]
    hosts.ventilator = case.run("fanfold", *words, "--log-level", "info", "--block", "256K", "--by-reference", "--root", hosts.tree, "-i", hosts.input, "cat")
    hosts.ventilator.expect(0)
    assert hosts.ventilator.output() == hosts.text
    assert hosts.referred() > 4
