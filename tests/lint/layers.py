#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Includes point one way: main -> assembly -> the role's folders -> common.

Held here: the table of rooms.py; no role includes another, common no role; only main.c
includes an assembly; no circle of includes. A core includes nothing but itself and common's
plain types, and reaches, through whatever it includes, no system call's header, no socket, no
clock, no log. A role's folders are all in the table, and tests/unit mirrors them. Examples see
fanfold.h alone; the launcher sees no role.
"""

import re
from pathlib import Path

from rooms import (
    CORES,
    MAY,
    PRODUCT,
    ROLES,
    STILL,
    circles,
    climbs,
    graph,
    include_arrows,
    includes,
    pair,
    room_of,
    sources,
    stem,
)
from tree import BUILD, ROOT, claim, files, text_of

ASSEMBLIES = {f"{role}/{role}.h" for role in ROLES}
PLAIN = {
    *("assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "math.h", "stdalign.h"),
    *("stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h"),
    *("sys/queue.h", "uthash.h", "utarray.h", "utlist.h"),
}
# Pure as a core is, though it lies elsewhere. A chunk's bytes are a zmq_msg_t, which is memory
# as far as the chunker is concerned.
PURE = {"ventilator/source/chunker": {"zmq.h"}, "ventilator/source/chunk": {"zmq.h"}, "common/protocol/message": set()}
NOT_FOR_CORES = {f"common/{name}.h" for name in ("log", "options", "runtime_dir", "signals", "standard_fds")}
NOT_FOR_CORES |= {"common/net/transport.h", "common/net/envelope.h", "common/net/uplink.h"}
IMPURE = re.compile(r"\b(clock_now_us|fopen|fprintf|getenv|printf|puts|rand|random|system)\s*\(")
UNIT = Path("tests/unit")
# A folder of tests/unit that mirrors another than the one of its name.
MIRRORS = {Path("deploy"): Path("deploy/local")}


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
                open_paths.append(Path(name))
    return reached


def role_findings(path, name):
    folder, target = path.parts[0], name.split("/")[0]
    if folder in PRODUCT and target in ROLES and target != folder:
        yield f"{path}: includes {name}, of another role"
    elif folder in PRODUCT and target == "tests":
        yield f"{path}: includes {name}, of the tests"
    if name in ASSEMBLIES and folder in ROLES and path.stem not in ("main", folder):
        yield f"{path}: includes {name}; only main.c stands above an assembly"
    if path.parts[:2] == ("worker", "examples") and name.rsplit("/", 1)[-1] != "fanfold.h":
        yield f"{path}: includes {name}; an example sees fanfold.h alone"


def include_findings(path):
    for name in includes(path)[0]:
        if not (ROOT / name).exists():
            if BUILD and (BUILD / name).exists():
                continue  # the build makes it
            yield f"{path}: includes {name}, which does not exist (paths are from the root)"
            continue
        said = list(role_findings(path, name))
        if not said and path.parts[0] in PRODUCT and climbs(path, Path(name)) and (pair(path), pair(name)) not in STILL:
            said = [f"{path}: includes {name}, which runs back up ({room_of(path)} -> {room_of(name)})"]
        yield from said


def mirrored(path):
    """The folder of the product that a test's folder stands for."""
    folder = path.parent.relative_to(UNIT)
    return MIRRORS.get(folder, folder)


def folder_findings(paths):
    folders = {str(path.parent) for path in paths if path.parts[0] in PRODUCT}
    for folder in sorted(folders - set(MAY)):
        yield f"{folder}: a folder that the table of rooms.py does not name"
    tests = [path for path in paths if path.parent.is_relative_to(UNIT) and path.parent != UNIT]
    for folder in sorted({mirrored(path) for path in tests}):
        if not (ROOT / folder).is_dir():
            yield f"{UNIT}: has tests of {folder}, which does not exist"
    homes = {}
    for path in paths:
        if path.parts[0] in PRODUCT and path.suffix == ".c":
            homes.setdefault((path.parts[0], path.stem), set()).add(path.parent)
    for path in tests:
        here = mirrored(path)
        homes_of_it = homes.get((here.parts[0], path.stem.removeprefix("test_")))
        if path.name.startswith("test_") and homes_of_it and here not in homes_of_it:
            yield f"{path}: tests a file of {' and '.join(sorted(map(str, homes_of_it)))}, and lies elsewhere"


def table_findings():
    for members in circles({room: set(others) for room, others in MAY.items()}):
        yield f"rooms.py: the table runs in a circle: {' '.join(members)}"


def circle_findings():
    arrows = include_arrows(sources(*PRODUCT))
    for members in circles(graph(set(arrows) - STILL)):
        yield f"a circle of includes: {' '.join(members)}"
    for source, target in sorted(STILL - set(arrows)):
        if (ROOT / f"{source}.h").exists() or (ROOT / f"{source}.c").exists():
            yield f"rooms.py: {source} no longer includes {target}: take it off STILL"


def core_findings(path):
    plain = PLAIN | PURE.get(stem(path), set())
    for name, by in sorted(reach(path).items()):
        if name.startswith("<") and name.strip("<>") not in plain:
            yield f"{path}: reaches {name} (through {by}); a core touches no system"
        if name in NOT_FOR_CORES:
            yield f"{path}: reaches {name} (through {by}); a core knows plain types alone"
    for number, line in enumerate(text_of(path).splitlines(), 1):
        if call := IMPURE.search(line):
            yield f"{path}:{number}: calls {call[1]}; time and randomness are arguments of a core"


paths = files(".c", ".h")
found = [*table_findings(), *folder_findings(paths), *circle_findings()]
found += [finding for path in paths for finding in include_findings(path)]
cores = [path for path in paths if room_of(path) in CORES or stem(path) in PURE]
found += [finding for path in cores for finding in core_findings(path)]
claim("includes point one way, and cores touch nothing", found, len(paths))
