# SPDX-License-Identifier: MIT
"""Of a run's processes: which there are, and their memory."""

import os
from pathlib import Path


def descendants(pid):
    """The process and all below it."""
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                children = Path(f"/proc/{parent}/task/{thread}/children").read_text()
                found += map(int, children.split())
        except OSError:
            pass
    return found


def memory_of(pids):
    """(resident, proportional) bytes."""
    rss = pss = 0
    for pid in pids:
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Rss:"):
                    rss += int(line.split()[1]) << 10
                elif line.startswith("Pss:"):
                    pss += int(line.split()[1]) << 10
        except (OSError, ValueError):
            pass
    return rss, pss


def anonymous_of(pids):
    """Bytes that are these processes' own: no file's, which they share with whatever else runs."""
    found = 0
    for pid in pids:
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                    found += int(line.split()[1]) << 10
        except (OSError, ValueError):
            pass
    return found


def cpu_seconds(pids):
    """Processor time of these, and of their children that have ended."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")
