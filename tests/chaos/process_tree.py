# SPDX-License-Identifier: MIT
"""The processes of a run by what they are, and which of them are at work."""

import contextlib
import os
import signal
from pathlib import Path


class ProcessTree:
    """The processes of a case at one moment."""

    def __init__(self, case):
        self.parents, self.names, self.states = {}, {}, {}
        for pid in case.leftovers():
            with contextlib.suppress(OSError, IndexError, ValueError):
                head, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
                fields = rest.split()
                if fields[0] in "ZX":
                    continue
                self.names[pid] = head.split("(", 1)[1]
                self.states[pid] = fields[0]
                self.parents[pid] = int(fields[1])

    def named(self, name):
        return sorted(pid for pid, own in self.names.items() if own == name)

    def children(self, parent):
        return sorted(pid for pid, own in self.parents.items() if own == parent)

    def ancestors(self, pid):
        while pid in self.parents:
            pid = self.parents[pid]
            yield pid

    def below(self, pid):
        return sorted(other for other in self.parents if pid in self.ancestors(other))

    def name_of_parent(self, pid):
        return self.names.get(self.parents[pid])

    def supervisors(self):
        return [pid for pid in self.named("fanfold-superv") if self.name_of_parent(pid) == "fanfold-keeper"]

    def zygotes(self):
        return [pid for pid in self.named("fanfold-zygote") if self.name_of_parent(pid) == "fanfold-superv"]

    def user_programs(self):
        """The processes below a supervisor or a zygote, with the slots of plugins."""
        over = set(self.named("fanfold-superv")) | set(self.zygotes()) | set(self.named("fanfold-group"))
        return sorted(pid for pid in self.parents if pid not in over and any(up in over for up in self.ancestors(pid)))

    def helpers(self):
        return [pid for pid in self.parents if self.name_of_parent(pid) == "fanfold-sink"]


class Busy:
    """Which processes have a chunk, as the user's program says by files."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()

    def pids(self, tree):
        return {pid for pid in map(int, os.listdir(self.directory)) if pid in tree.names}


def started_at(pid):
    """The time of its start, which names a process for good with its pid; None: it is gone."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return None


def send(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def go_on(held):
    """SIGCONT to those of {pid: start} that are still the same."""
    for pid, start in held.items():
        if started_at(pid) == start:
            send(pid, signal.SIGCONT)


def states(case):
    """Lines for a person: what each process is at."""
    tree = ProcessTree(case)
    for pid in sorted(tree.names):
        waits = []
        for name in ("wchan", "syscall"):
            with contextlib.suppress(OSError):
                waits.append(Path(f"/proc/{pid}/{name}").read_text().split("\n")[0][:60])
        yield f"{pid} (parent {tree.parents[pid]}) {tree.names[pid]} {tree.states[pid]} {' '.join(waits)}"
