#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The figures of the house, and their limits: python3 -B tests/lint/house.py [ROOT]

They are of what ships (common, the roles, deploy), save where tests are named.

- A circle is a set of file pairs (x.c and x.h are one) that reach each other: by includes, or
  by calls, where a function of one file calls a function that the other defines. Definitions
  and calls are read from the text; what is called through a pointer is not seen.
- An include runs back up where the table of rooms.py has no such arrow.
- A state struct lies in a header that is named X_state.h, or whose first comment says
  "internal to"; only its own folder may include it.
- A function's lines are those between its braces.
"""

import statistics
from collections import Counter

from rooms import (
    PRODUCT,
    call_arrows,
    circles,
    climbs,
    function_calls,
    functions_of,
    graph,
    include_arrows,
    includes,
    pair,
    room_of,
    sources,
    stem,
    ways_through,
)
from tree import ROOT, claim, text_of

C_FILES_MAX = 15
FILE_LINES_MAX = 450
FUNCTION_LINES_MAX = 60
C_FILES_WITHOUT_README = 6

# Where a message enters a core, and how the paths of the core's files begin.
ENTRIES = {
    "ventilator": ("dispatch_on_message", "ventilator/scheduler/"),
    "worker": ("session_on_message", "worker/session/"),
    "sink": ("sink_session_on_message", "sink/session/"),
}

found = []


def figure(name, value, limit=None):
    print(f"# {name:<62}{value:>7}" + (f"  limit {limit}" if limit is not None else ""))


def listed(title, items):
    items = list(items)
    found.extend(f"{title}: {item}" for item in items)
    return len(items)


def per_folder(paths):
    return Counter(str(path.parent) for path in paths)


def is_internal(name):
    if name.endswith("_state.h"):
        return True
    opening = text_of(name).split("#ifndef", 1)[0]
    return name.endswith(".h") and "internal to" in " ".join(opening.replace("*", " ").split()).lower()


def state_users(paths):
    """(file, header) of each include of a state struct by another than the pair it is named after."""
    for path in paths:
        for name in includes(path)[0]:
            if (ROOT / name).exists() and is_internal(name):
                if stem(path) not in (stem(name), stem(name).removesuffix("_state")):
                    yield path, name


def share(lengths, part):
    """The length that `part` of the functions do not exceed."""
    return sorted(lengths)[min(len(lengths) - 1, int(part * len(lengths)))]


paths = sources(*PRODUCT)
tests = sources("tests")

counts = per_folder(path for path in paths if path.suffix == ".c")
crowded = [f"{folder} has {count}" for folder, count in sorted(counts.items()) if count > C_FILES_MAX]
figure("folders", len(counts))
figure(".c files in the fullest folder", max(counts.values(), default=0), C_FILES_MAX)
listed(f"more than {C_FILES_MAX} .c files", crowded)
figure(
    ".c files in the fullest folder of the tests",
    max(per_folder(path for path in tests if path.suffix == ".c").values(), default=0),
)

calls = list(function_calls(paths))
included, called = include_arrows(paths), call_arrows(calls)
figure("file pairs", len({pair(path) for path in paths}))
figure("arrows between file pairs: includes", len(included))
figure("arrows between file pairs: calls", len(called))
folders = {
    (room_of(source), room_of(target)) for source, target in included if room_of(source) != room_of(target)
}
figure("arrows between folders: includes", len(folders))
up = [f"{by} includes {target}.h" for (source, target), by in sorted(included.items()) if climbs(source, target)]
figure("includes that run back up", listed("runs back up", up), 0)
up = [
    f"{source}: {caller} calls {callee} of {target}"
    for (source, target), (caller, callee) in sorted(called.items())
    if climbs(source, target)
]
figure("calls that run back up", listed("runs back up", up), 0)
for kind, arrows in (("includes", included), ("calls", called)):
    sets = circles(graph(arrows))
    figure(f"circles of {kind}", listed(f"circle of {kind}", map(" ".join, sets)), 0)
    figure(f"file pairs in circles of {kind}", sum(map(len, sets)))

for role, (entry, core) in ENTRIES.items():
    through = ways_through(calls, entry, lambda path, core=core: stem(path).startswith(core))
    for what, value in zip(("calls", "rooms"), through):
        figure(f"a message through the {role}'s core: {what}", value)
    figure(f"a message through the {role}'s core: climbs", through[2], 0)
    listed(f"the {role}'s core", ["a message climbs"] if through[2] else [])
    if (ROOT / core).is_dir() and not through[1]:
        listed(f"the {role}'s core", [f"there is no {entry}, or it calls nothing"])

users = list(state_users(paths))
figure("files that include a state struct not their own", len({path for path, _ in users}))
outside = sorted(f"{path} includes {name}" for path, name in users if room_of(path) != room_of(name))
figure("files that include a state struct of another folder", listed("state struct", outside), 0)

functions = [function for path in paths for function in functions_of(path)]
lengths = [function.lines for function in functions] or [0]
figure("functions", len(functions))
figure("lines of a function: median", round(statistics.median(lengths)))
figure("lines of a function: 75 % have at most", share(lengths, 0.75))
figure("lines of a function: 98 % have at most", share(lengths, 0.98))
figure("lines of a function: longest", max(lengths), FUNCTION_LINES_MAX)
listed(
    f"longer than {FUNCTION_LINES_MAX} lines",
    (f"{f.path}:{f.first}: {f.name} has {f.lines}" for f in functions if f.lines > FUNCTION_LINES_MAX),
)

sizes = {path: len(text_of(path).splitlines()) for path in paths}
long_files = [f"{path} has {size}" for path, size in sizes.items() if size > FILE_LINES_MAX]
figure("lines of the longest file", max(sizes.values(), default=0), FILE_LINES_MAX)
figure(
    f"files over {FILE_LINES_MAX} lines", listed(f"longer than {FILE_LINES_MAX} lines", long_files), 0
)
figure(
    f"files of the tests over {FILE_LINES_MAX} lines",
    sum(len(text_of(path).splitlines()) > FILE_LINES_MAX for path in tests),
)

silent = [
    f"{folder} has {count} .c files"
    for folder, count in sorted(counts.items())
    if count > C_FILES_WITHOUT_README and not (ROOT / folder / "README.md").exists()
]
figure(
    f"folders of more than {C_FILES_WITHOUT_README} .c files without README.md", listed("no README.md", silent), 0
)

claim("the house is in order", found, len(paths))
