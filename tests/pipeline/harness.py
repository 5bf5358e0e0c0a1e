# SPDX-License-Identifier: MIT
"""What every pipeline test stands on: real programs in a directory of their own.

    def test_output_is_the_input_in_order(case):
        text = case.text(8 << 20)
        run = case.run("fanfold", "-j4", "--", "cat", stdin=text)
        run.expect(0)
        case.assert_same(run.stdout, text)

A test is a function whose name is a sentence. pytest gives it a Case (conftest.py), which
has a private directory, XDG_RUNTIME_DIR and TMPDIR of what it starts, and marks each process
that it starts, and all that these start, by an environment variable. When the test ends, no
marked process may be left: conftest.py names what is left, fails the test, and kills it. A
test waits for events (`wait_for`, `Process.wait`), never for time; each wait has a deadline,
and so has the test.
"""

import contextlib
import functools
import hashlib
import itertools
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MARK = "FANFOLD_TEST_ID"
FOLDERS = {
    "fanfold": "deploy/local",
    "fanfold-ventilator": "ventilator",
    "fanfold-worker": "worker",
    "fanfold-sink": "sink",
    "fanfold-keygen": "deploy/keygen",
    **{f"fanfold-{name}": "deploy/connectors" for name in ("kafka", "postgresql", "rabbitmq", "redis")},
}
# Deadlines are for a machine at ease; the sanitizer build says that it is slower.
SLOWNESS = float(os.environ.get("FANFOLD_SLOWNESS", "1"))
START_S = 0.003  # what a program's start takes on such a machine
STRAIN_MAX = 8
TAIL_LINES = 40
BLOCK = 1 << 20
OPTIONS = {}  # of pytest's command line, by name


# Whoever ran the tests in the background, or by nohup, may have these ignored; what is
# started here would inherit that, and never be interrupted.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, signal.SIG_DFL)


class Skip(unittest.SkipTest):
    """This machine cannot run the test."""


class Overdue(AssertionError):
    """A deadline passed."""


def option(name, default):
    """What the command line says, or the default."""
    value = OPTIONS.get(name)
    return default if value is None else value


def build_directory():
    """Where the programs were built: FANFOLD_BUILD, else the tests' or the quickstart's."""
    named = os.environ.get("FANFOLD_BUILD")
    choices = [Path(named)] if named else [ROOT / "build-test", ROOT / "build"]
    for choice in choices:
        if (choice / "build.ninja").exists():
            return choice.resolve()
    raise FileNotFoundError(f"no build in {' or '.join(map(str, choices))}")


def program_path(name):
    """A program of ours by its name, a file of the build by its path below it, or itself."""
    if name in FOLDERS:
        path = build_directory() / FOLDERS[name] / name
        if not path.exists():
            raise FileNotFoundError(f"{path} is not built")
        return str(path)
    return str(name)


@functools.cache
def slack():
    """What a deadline is multiplied by: the build's slowness, and how long programs take to start on this machine now."""
    began = time.monotonic()
    for _ in range(10):
        subprocess.run(["true"], check=True)
    strain = (time.monotonic() - began) / 10 / START_S
    return SLOWNESS * min(max(strain, 1), STRAIN_MAX)


def wait_for(condition, what, deadline=30.0):
    """Returns what `condition()` does, as soon as that is true; Overdue after `deadline` s, times slack()."""
    deadline *= slack()
    end = time.monotonic() + deadline
    pause = 0.001
    while True:
        outcome = condition()
        if outcome:
            return outcome
        if time.monotonic() > end:
            raise Overdue(f"waited {deadline:.3g} s in vain for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def blocks_of(path):
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            yield block


def sha256_of(path):
    digest = hashlib.sha256()
    for block in blocks_of(path):
        digest.update(block)
    return digest.hexdigest()


def assert_same(path, expected):
    """The two files hold the same bytes."""
    offset = 0
    for ours, theirs in itertools.zip_longest(blocks_of(path), blocks_of(expected), fillvalue=b""):
        if ours != theirs:
            pairs = enumerate(zip(ours, theirs))
            at = next((i for i, (a, b) in pairs if a != b), min(len(ours), len(theirs)))
            raise AssertionError(
                f"{path} ({os.path.getsize(path)} bytes) differs from {expected} "
                f"({os.path.getsize(expected)} bytes) at byte {offset + at}: "
                f"{ours[at:at + 40]!r}, not {theirs[at:at + 40]!r}"
            )
        offset += len(ours)


# ---- text ----


def write_lines(file, words, chance, size):
    """About `size` bytes of lines of 1 to 14 words."""
    written = 0
    while written < size:
        picked = iter(chance.choices(words, k=16384))
        while line := list(itertools.islice(picked, chance.randint(1, 14))):
            text = (" ".join(line) + chance.choice(["", "", ".", ",", "?"]) + "\n").encode()
            file.write(text)
            written += len(text)


def make_text(size, seed=1):
    """A file of `size` bytes of lines of dictionary words, the same ones for the same seed.

    Kept in the build directory for the next test. Beyond 8 MiB the lines come again, begun
    at another place each time, so that no two stretches at any distance are the same.
    """
    cache = build_directory() / "tests/pipeline/texts"
    path = cache / f"{size}-{seed}"
    if path.exists() and path.stat().st_size == size:
        return path
    cache.mkdir(parents=True, exist_ok=True)
    dictionary = Path("/usr/share/dict/words")
    if not dictionary.exists():
        raise Skip(f"no {dictionary}")
    chance = random.Random(seed)
    with tempfile.NamedTemporaryFile(dir=cache, delete=False) as file:
        words = dictionary.read_text(encoding="utf-8").split()
        write_lines(file, words, chance, min(size, 8 * BLOCK))
        file.flush()
        lines = Path(file.name).read_bytes()
        left = size - len(lines)
        while left > 0:
            begin = lines.index(b"\n", chance.randrange(len(lines) // 2)) + 1
            piece = b"copy %d\n" % left + lines[begin:] + lines[:begin]
            left -= file.write(piece)
        file.truncate(size)
        if size > 0:
            file.seek(size - 1)
            file.write(b"\n")
    os.replace(file.name, path)
    return path


# ---- processes ----


def parent_of(pid):
    """None: the process is gone."""
    with contextlib.suppress(OSError):
        return int(re.search(r"^PPid:\t(\d+)$", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), re.M)[1])
    return None


def status_of(returncode):
    """As a shell has it: 128 + n for an end by signal n."""
    return 128 - returncode if returncode < 0 else returncode


class Process:
    """A program that a case started. `stdout` is a file, `stderr()` what it said so far."""

    def __init__(self, name, popen, stdout, stderr_path):
        self.name = name
        self.popen = popen
        self.last_signal = None
        self.pid = popen.pid
        self.stdin = popen.stdin
        self.stdout = stdout
        self.stderr_path = stderr_path

    def stderr(self):
        return self.stderr_path.read_text(encoding="utf-8", errors="replace")

    def reasons(self, hints=False):
        """The lines on stderr, but for what it waited for, and what it hints at: a slow machine hears of that too."""
        besides = ": waiting for " if hints else ": (waiting for|hint:) "
        return [line for line in self.stderr().splitlines() if not re.search(besides, line)]

    def output(self):
        return self.stdout.read_bytes()

    def running(self):
        return self.popen.poll() is None

    def wait(self, deadline=60.0):
        """Its exit status."""
        try:
            return status_of(self.popen.wait(deadline * slack()))
        except subprocess.TimeoutExpired:
            raise Overdue(f"{self.name} still runs after {deadline * slack():.3g} s") from None

    def expect(self, status, deadline=60.0):
        """It ends with this status."""
        actual = self.wait(deadline)
        assert actual == status, f"{self.name} ended with status {actual}, not {status}"

    def wait_for_stderr(self, pattern, deadline=30.0):
        """A line on stderr that matches the regular expression; the match."""

        def said():
            match = re.search(pattern, self.stderr(), re.M)
            if match is None and not self.running():
                match = re.search(pattern, self.stderr(), re.M)
                assert match, f"{self.name} ended without saying {pattern!r}"
            return match

        return wait_for(said, f"{self.name} to say {pattern!r}", deadline)

    def signal(self, number):
        """The same again comes later than what counts as one with the first (REPEATED_SIGNAL_US)."""
        time.sleep(0.3 if number == self.last_signal else 0)
        self.last_signal = number
        self.popen.send_signal(number)

    def signal_group(self, number):
        """To all of its process group, as a terminal does."""
        os.killpg(self.pid, number)


class Gate:
    """Where a user's program stops, by `: <GATE`, until the test opens it.

    A FIFO: whoever opens it for reading waits for a writer, which is the test from `open` to
    `shut`.
    """

    def __init__(self, path):
        self.path = path
        self.writer = None
        os.mkfifo(path)

    def __str__(self):
        return str(self.path)

    def open(self):
        """For those that wait and for those that come."""
        if self.writer is None:
            self.writer = os.open(self.path, os.O_RDWR)  # which waits for nobody

    def shut(self):
        if self.writer is not None:
            os.close(self.writer)
            self.writer = None


class Case:
    """One test's own directory, environment and processes."""

    def __init__(self):
        self.id = os.environ.get(MARK, "") + "/" + secrets.token_hex(8)
        self.directory = Path(tempfile.mkdtemp(prefix="fanfold-test-"))
        self.runtime = self.directory / "run"
        self.tmp = self.directory / "tmp"
        self.runtime.mkdir(mode=0o700)
        self.tmp.mkdir()
        self.processes = []
        self.gates = {}
        self.mounts = []  # what this process has mounted in the directory
        folders = [str(build_directory() / folder) for folder in dict.fromkeys(FOLDERS.values())]
        self.env = dict(os.environ)
        self.env.pop("PYTHONUNBUFFERED", None)  # programs print as they do for people
        self.env.update(
            {
                MARK: self.id,
                "XDG_RUNTIME_DIR": str(self.runtime),
                "TMPDIR": str(self.tmp),
                "PATH": os.pathsep.join([*folders, self.env.get("PATH", os.defpath)]),
            }
        )

    # -- files --

    def path(self, name):
        return self.directory / name

    def file(self, name, content):
        """A file of these bytes."""
        path = self.path(name)
        path.write_bytes(content)
        return path

    def text(self, size, seed=1):
        """A file of real-looking text; shared, not to be written to."""
        return make_text(size, seed)

    def gate(self, name="gate"):
        """The Gate of this name; shut, when it is new."""
        if name not in self.gates:
            self.gates[name] = Gate(self.path(name))
        return self.gates[name]

    def endpoints(self, name="run"):
        """The options by which ventilator, worker and sink meet; a pair of its own a name."""
        at = f"ipc://{self.directory}/{name}"
        return ["--tasks", f"{at}-tasks", "--results", f"{at}-results"]

    # -- programs --

    def start(self, program, *arguments, stdin=None, stdout=None, name=None, env=None, **more):
        """Starts it in a session of its own.

        stdin: a path, bytes, an open file or subprocess.PIPE; nothing otherwise.
        stdout: a path, an open file or subprocess.PIPE; otherwise a file that
        `Process.stdout` names.
        """
        name = f"{len(self.processes)}-{name or Path(str(program)).name}"
        if isinstance(stdin, bytes):
            stdin = self.file(f"{name}.stdin", stdin)
        if stdout is None:
            stdout = self.path(f"{name}.stdout")
        stderr_path = self.path(f"{name}.stderr")
        with contextlib.ExitStack() as stack:

            def opened(where, mode):
                if isinstance(where, (str, os.PathLike)):
                    return stack.enter_context(open(where, mode))
                return where

            popen = subprocess.Popen(
                [program_path(program), *map(str, arguments)],
                stdin=subprocess.DEVNULL if stdin is None else opened(stdin, "rb"),
                stdout=opened(stdout, "wb"),
                stderr=opened(stderr_path, "wb"),
                env={**self.env, **(env or {})},
                cwd=more.pop("cwd", self.directory),
                start_new_session=True,
                **more,
            )
        process = Process(name, popen, popen.stdout or stdout, stderr_path)
        self.processes.append(process)
        return process

    def run(self, program, *arguments, deadline=60.0, **more):
        """Starts it and waits for its end; the status is in `status`."""
        process = self.start(program, *arguments, **more)
        process.status = process.wait(deadline)
        return process

    def shell(self, script, deadline=60.0, **more):
        """A line for bash, which finds our programs by name; the status is the pipeline's."""
        return self.run("bash", "-o", "pipefail", "-c", script, deadline=deadline, **more)

    # -- what is there --

    def leftovers(self):
        """{pid: command line} of every process with this case's mark, zombies aside.

        A case inside a case (the harness's own test) has the outer one's mark in front.
        """
        mark = f"{MARK}={self.id}".encode()
        found = {}
        for pid in os.listdir("/proc"):
            if not pid.isdigit() or int(pid) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                if any(entry.startswith(mark) for entry in environment):
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    found[int(pid)] = b" ".join(words).decode(errors="replace").strip()
        return found

    def pids_of(self, program):
        """Processes of this case that run the program, by the name of its file, without the helpers that these forked."""
        lines = {pid: line for pid, line in self.leftovers().items() if line and os.path.basename(line.split()[0]) == program}
        return sorted(pid for pid, line in lines.items() if lines.get(parent_of(pid)) != line)

    def resident_bytes(self, pids=None):
        """The sum of the resident memory of these processes, of all of this case without."""
        return self.memory_bytes("Rss", pids)

    def proportional_bytes(self, pids=None):
        """The same, where what n processes share counts for an nth in each."""
        return self.memory_bytes("Pss", pids)

    def memory_bytes(self, field, pids=None):
        total = 0
        for pid in self.leftovers() if pids is None else pids:
            with contextlib.suppress(OSError):
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
                found = re.search(rf"^{field}:\s+(\d+) kB$", rollup, re.M)
                total += int(found[1]) * 1024 if found else 0
        return total

    def wait_for(self, condition, what, deadline=30.0):
        return wait_for(condition, what, deadline)

    def assert_same(self, path, expected):
        assert_same(path, expected)

    def assert_no_leftovers(self, within=10.0):
        """Everything that was started has ended, or does so at once."""
        try:
            # Twice: a process in the middle of exec shows no environment.
            wait_for(lambda: not self.reap() and not self.reap(), "the processes to end", within)
        except Overdue:
            lines = "".join(f"\n{pid}: {line}" for pid, line in self.leftovers().items())
            raise AssertionError(f"processes are left behind:{lines}") from None

    def assert_no_files_left(self):
        """Nothing is in the runtime and temporary directories."""
        left = [str(p.relative_to(self.directory)) for d in (self.runtime, self.tmp) for p in d.rglob("*")]
        assert not left, f"files are left behind: {', '.join(sorted(left))}"

    def skip(self, reason):
        raise Skip(reason)

    # -- the end --

    def reap(self):
        for process in self.processes:
            process.popen.poll()
        return self.leftovers()

    def close(self):
        """Kills what is left and takes the directory away."""

        def killed():
            left = self.reap()
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            return not left

        with contextlib.suppress(Overdue):
            wait_for(killed, "the killed to be gone", 10.0)
        for gate in self.gates.values():
            gate.shut()
        for process in self.processes:
            if process.running():  # sshd writes its title over the mark
                process.popen.kill()
                process.popen.wait()
            if process.stdin:
                with contextlib.suppress(OSError):
                    process.stdin.close()
        for path in self.mounts:
            subprocess.run(["umount", "--lazy", path], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def report(self):
        """What the programs said, for a test that failed."""
        for process in self.processes:
            code = process.popen.poll()
            state = "running" if code is None else f"status {status_of(code)}"
            command = " ".join(map(str, process.popen.args))
            yield f"{process.name} ({state}): {command[:300]}"
            yield from (f"    {line}" for line in process.stderr().splitlines()[-TAIL_LINES:])


@contextlib.contextmanager
def deadline_of(seconds):
    def overdue(*_):
        raise Overdue(f"the test still runs after {seconds:.3g} s")

    signal.signal(signal.SIGALRM, overdue)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
