# SPDX-License-Identifier: MIT
"""systemd for tests: the real one, and how it stops a unit, played step by step.

Where it is the machine's first process, units are made there. Elsewhere a systemd of the test's
own is the first process of a namespace, in a control group of version 2, with its own /dev, /run
and network, and with the kernel's settings read-only.
"""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import control_groups
import harness
from process_tree import below

BINARY = "/usr/lib/systemd/systemd"
INIT = r"""
set -e
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -t tmpfs tmpfs "$DIRECTORY/dev"
for name in null zero full random urandom; do
    : > "$DIRECTORY/dev/$name"
    mount --bind "/dev/$name" "$DIRECTORY/dev/$name"
done
: > "$DIRECTORY/dev/kmsg"
mount --bind "$DIRECTORY/log" "$DIRECTORY/dev/kmsg"
mkdir "$DIRECTORY/dev/shm"
mount -t tmpfs tmpfs "$DIRECTORY/dev/shm"
ln -s /proc/self/fd "$DIRECTORY/dev/fd"
mount --move "$DIRECTORY/dev" /dev
mount -t tmpfs tmpfs /run
mount -t sysfs -o ro sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec env container=fanfold SYSTEMD_UNIT_PATH="$DIRECTORY/units" SYSTEMD_GENERATOR_PATH=/nowhere \
    SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/nowhere "$BINARY" --system --unit=test.target --log-target=kmsg
"""
TARGET = b"[Unit]\nDescription=The tests of fanfold\nDefaultDependencies=no\n"
NAMESPACES = ["--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--fork", "--kill-child"]


def stop_unit(main, group_members):
    """As systemd does: SIGTERM to the main process, then to all others, until there is none that has none."""
    signalled = set()
    while left := [main] * (main not in signalled) or sorted(group_members() - signalled):
        for pid in left:
            signalled.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
                os.kill(pid, signal.SIGCONT)


def kill_unit(main, group_members):
    """What it does after TimeoutStopSec=, the main process first."""
    while left := group_members():
        for pid in sorted(left, key=lambda pid: pid != main):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Manager:
    """Units of a systemd that runs."""

    def __init__(self, case, prefix):
        self.case = case
        self.prefix = prefix
        self.units = []

    def ask(self, *words):
        return subprocess.run([*self.prefix, *map(str, words)], capture_output=True, text=True, check=False)

    def start(self, name, *words, properties=(), env=None):
        """The name of a new service that runs the words; what it says goes to the file NAME.err."""
        name = f"fanfold-test-{os.getpid()}-{name}.service"
        error = self.case.path(f"{name}.err")
        env = {**{key: self.case.env[key] for key in ("PATH", "XDG_RUNTIME_DIR", "TMPDIR", harness.MARK)}, **(env or {})}
        settings = ["DefaultDependencies=no", f"WorkingDirectory={self.case.directory}", f"StandardError=file:{error}"]
        options = [f"--property={setting}" for setting in [*settings, *properties]]
        options += [f"--setenv={key}={value}" for key, value in env.items()]
        self.units.append(name)
        started = self.ask("systemd-run", f"--unit={name}", *options, *words)
        assert started.returncode == 0, started.stderr
        return name

    def stop(self, name):
        """Waits until it has ended."""
        stopped = self.ask("systemctl", "stop", name)
        assert stopped.returncode == 0, stopped.stderr

    def close(self):
        for name in self.units:
            self.ask("systemctl", "kill", "--signal=KILL", name)
            self.ask("systemctl", "stop", name)
            self.ask("systemctl", "reset-failed", name)


def own_manager(case, group):
    """A Manager of a systemd in the group; the test is skipped where it does not run."""
    if not os.path.exists(BINARY):
        case.skip(f"no {BINARY}")
    if subprocess.run(["unshare", *NAMESPACES, "true"], capture_output=True, check=False).returncode != 0:
        case.skip(f"unshare {' '.join(NAMESPACES[:-2])} is not permitted")
    case.path("dev").mkdir()
    case.path("units").mkdir()
    case.file("units/test.target", TARGET)
    log = case.file("log", b"")
    env = {"DIRECTORY": str(case.directory), "BINARY": BINARY}
    outer = case.start(*control_groups.entering(group, "unshare", *NAMESPACES, "sh", "-c", INIT), env=env, name="systemd")

    def first():
        if not outer.running():
            case.skip(f"systemd does not run here: {' '.join((outer.stderr() + log.read_text(errors='replace')).splitlines()[-1:])}")
        return below(outer.pid, "systemd")

    pid = case.wait_for(first, "systemd to begin")
    manager = Manager(case, ["nsenter", f"--target={pid}", "--pid", "--mount", "--uts", "--ipc", "--net", "--"])
    case.wait_for(lambda: first() and manager.ask("systemctl", "is-system-running").stdout == "running\n", "systemd to run")
    return manager


@contextlib.contextmanager
def real(case):
    """A Manager."""
    with contextlib.ExitStack() as stack:
        if Path("/run/systemd/system").exists():
            user = ["--user"] if os.geteuid() else []
            manager = Manager(case, [])
            if manager.ask("systemctl", *user, "show-environment").returncode != 0:
                case.skip("systemd serves this user no units")
            ask = manager.ask
            manager.ask = lambda command, *words: ask(command, *user, *words)
        else:
            manager = own_manager(case, stack.enter_context(control_groups.new_group(case)))
        stack.callback(manager.close)
        yield manager
