# SPDX-License-Identifier: MIT
"""Control groups that a test makes below the one that it is in, and takes away again."""

import contextlib
import os
import signal
from pathlib import Path

import harness


def mount_point(controller=None):
    """Where version 2 is mounted, or version 1 with this controller, and which group is shown there."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split()[:3]
        right = kind == "cgroup2" if controller is None else kind == "cgroup" and controller in options.split(",")
        if right:
            return Path(before.split()[4]), before.split()[3]
    return None, None


def own_group(controller=None):
    """The directory of this process's group; None: there is none, or nobody may make a group in it."""
    point, root = mount_point(controller)
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, name = line.split(":", 2)
        if point and (controllers == "" if controller is None else controller in controllers.split(",")):
            group = point / os.path.relpath(name, root)
            return group if os.access(group, os.W_OK) else None
    return None


def groups_below(group):
    """The group and all in it, the innermost first."""
    return [Path(folder) for folder, _, _ in os.walk(group, topdown=False)]


def members(group):
    """Of the group and of all in it."""
    pids = set()
    for folder in groups_below(group):
        with contextlib.suppress(OSError):
            pids |= {int(pid) for pid in (folder / "cgroup.procs").read_text(encoding="ascii").split()}
    return pids - {0}


def kill_all_in(group):
    for pid in members(group):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def is_removed(group):
    kill_all_in(group)
    for folder in groups_below(group):
        with contextlib.suppress(OSError):
            folder.rmdir()
    return not group.exists()


@contextlib.contextmanager
def new_group(case, controller=None, name="own"):
    """A group of its own; the test is skipped where it may have none."""
    own = own_group(controller)
    if own is None:
        case.skip(f"no group of cgroup version {1 if controller else 2} is ours to divide")
    if Path("/run/systemd/system").exists() and os.geteuid() == 0:
        case.skip("the control groups are systemd's to divide")
    group = own / f"fanfold-test-{os.getpid()}-{name}"
    group.mkdir()
    try:
        yield group
    finally:
        harness.wait_for(lambda: is_removed(group), "the group to be empty", 10.0)


def entering(group, *words):
    """The words of a command that runs in the group."""
    return ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', group, *words]


def divided(controller):
    """None where version 2 has the controller; its name where version 1 does; False: neither does, here."""
    own = own_group()
    if own and controller in (own / "cgroup.subtree_control").read_text(encoding="ascii").split():
        return None
    return controller if own_group(controller) else False
