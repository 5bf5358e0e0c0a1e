#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Includes point one way: main -> assembly -> adapter -> pure -> common.

Held here: no role includes another, common no role; only main.c includes an assembly; a core
reaches, through whatever it includes, nothing but plain types: no system call's header, no
socket, no clock, no log; and what it includes of its own role is held to the same. Examples
see fanfold.h alone; the launcher sees no role.
"""

import re
from pathlib import Path

from tree import ROOT, claim, files, text_of

ROLES = ("ventilator", "worker", "sink")
ASSEMBLIES = {f"{role}/{role}.h" for role in ROLES}
# By the beginning of their names: dispatch_queue.c is a part of dispatch.
CORES = (
    "ventilator/dispatch",
    "ventilator/chunker",
    "worker/session",
    "sink/session",
    "sink/reorder",
    "common/message",
)
PLAIN = {
    *("assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "math.h", "stdalign.h"),
    *("stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h"),
    *("sys/queue.h", "uthash.h", "utarray.h", "utlist.h"),
}
# A chunk's bytes are a zmq_msg_t, which is memory as far as the chunker is concerned.
ALSO = {"ventilator/chunker": {"zmq.h"}, "ventilator/chunk": {"zmq.h"}}
NOT_FOR_CORES = {f"common/{name}.h" for name in ("log", "options", "place", "protocol", "transport")}
IMPURE = re.compile(r"\b(clock_now_us|fopen|fprintf|getenv|printf|puts|rand|random|system)\s*\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"(?P<own>[^"]+)"|<(?P<system>[^>]+)>)', re.M)


def includes(path):
    """(own, system): files of the tree, and names of system headers."""
    own, system = [], []
    for match in INCLUDE.finditer(text_of(path)):
        name = match["own"]
        if name is None:
            system.append(match["system"])
        else:
            # From the root; an example's fanfold.h lies in the folder above it.
            choices = [Path(name), path.parent / name, path.parent.parent / name]
            own.append(next((str(choice) for choice in choices if (ROOT / choice).exists()), name))
    return own, system


def reach(path):
    """All that a file includes, through its own headers: {name: by whom}."""
    reached, open_paths = {}, [path]
    while open_paths:
        at = open_paths.pop()
        own, system = includes(at)
        for name in system:
            reached.setdefault(f"<{name}>", at)
        for name in own:
            if name not in reached and (ROOT / name).exists():
                reached[name] = at
                open_paths.append((ROOT / name).relative_to(ROOT))
    return reached


def folder_findings(path):
    folder = path.parts[0]
    own, _ = includes(path)
    for name in own:
        target = name.split("/")[0]
        if not (ROOT / name).exists():
            yield f"{path}: includes {name}, which does not exist (paths are from the root)"
        elif folder in (*ROLES, "common", "deploy") and target in ROLES and target != folder:
            yield f"{path}: includes {name}, of another role"
        elif folder in (*ROLES, "common", "deploy") and target == "tests":
            yield f"{path}: includes {name}, of the tests"
        if name in ASSEMBLIES and folder in ROLES and path.stem not in ("main", folder):
            yield f"{path}: includes {name}; only main.c stands above an assembly"
        if path.parts[:2] == ("worker", "examples") and name.rsplit("/", 1)[-1] != "fanfold.h":
            yield f"{path}: includes {name}; an example sees fanfold.h alone"


def core_files(paths):
    """The files of the cores, and of what they include of their own roles."""
    stems = {
        stem
        for stem in (str(path.with_suffix("")) for path in paths)
        if any(stem == core or stem.startswith(core + "_") for core in CORES)
    }
    while True:
        files_of = [path for path in paths if str(path.with_suffix("")) in stems]
        reached = {name for path in files_of for name in includes(path)[0]}
        more = {name.removesuffix(".h") for name in reached if name.split("/")[0] in ROLES}
        if more <= stems:
            return files_of
        stems |= more


def core_findings(path):
    plain = PLAIN | ALSO.get(str(path.with_suffix("")), set())
    for name, by in sorted(reach(path).items()):
        if name.startswith("<") and name.strip("<>") not in plain:
            yield f"{path}: reaches {name} (through {by}); a core touches no system"
        if name in NOT_FOR_CORES:
            yield f"{path}: reaches {name} (through {by}); a core knows plain types alone"
    for number, line in enumerate(text_of(path).splitlines(), 1):
        if call := IMPURE.search(line):
            yield f"{path}:{number}: calls {call[1]}; time and randomness are arguments of a core"


paths = files(".c", ".h")
found = [finding for path in paths for finding in folder_findings(path)]
found += [finding for path in core_files(paths) for finding in core_findings(path)]
claim("includes point one way, and cores touch nothing", found, len(paths))
