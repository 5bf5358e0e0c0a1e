# SPDX-License-Identifier: MIT
"""Who is whose child, as /proc tells it."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path


def stat_of(pid):
    """(ps name, parent) of the process; OSError: it is gone."""
    before, _, rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")
    return before.partition("(")[2], int(rest.split()[1])


def parent_of(pid):
    return stat_of(pid)[1]


def children_of(pid, name=None):
    """Those whose ps name is this; all without."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                its, parent = stat_of(int(entry))
                if parent == pid and name in (its, None):
                    found.append(int(entry))
    return found


def below(pid, *names):
    """The process at the end of a chain of such children; None: it is not there."""
    for name in names:
        found = children_of(pid, name)
        if not found:
            return None
        pid = found[0]
    return pid


def descendants(pid):
    """All processes below it, a parent before its children."""
    found = children_of(pid)
    for child in found:
        found += children_of(child)
    return found


def is_gone(pid):
    return not Path(f"/proc/{pid}").exists()


def lives(pid):
    """Neither gone nor a zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    return False


def signal_one(pid, number):
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def kill_all(pids):
    for pid in pids:
        signal_one(pid, signal.SIGKILL)


def can_unshare(*options):
    probe = subprocess.run(["unshare", *options, "true"], capture_output=True, check=False)
    return probe.returncode == 0
