# SPDX-License-Identifier: MIT
"""The folders as rooms: which may include which, and what their C files define and call.

MAY is the one table of the layering. It is read from the bottom up: a folder includes itself
and what its row names, all of which stands above it in the table. An include or a call
against the table climbs. layers.py refuses climbs and circles, house.py counts them.
"""

import re
from pathlib import Path

from tree import ROOT, files, text_of

ROLES = ("ventilator", "worker", "sink")
PRODUCT = ("common", *ROLES, "deploy")
COMMON = (
    *("common", "common/files", "common/process", "common/helper", "common/service", "common/protocol", "common/records"),
    *("common/keys", "common/loan", "common/net", "common/parts", "common/spool", "common/dealer", "common/redial"),
)
# What a core knows: the base types of common, and the messages as structs (MESSAGE below).
PLAIN_TYPES = ("common",)
CORES = ("ventilator/scheduler/state", "ventilator/scheduler", "worker/session", "sink/session")
MAY = {
    "common": (),
    "common/files": ("common", "common/process"),
    "common/process": ("common",),
    "common/helper": ("common", "common/process"),
    "common/service": ("common",),
    "common/protocol": ("common",),
    "common/records": ("common",),
    "common/keys": ("common", "common/helper"),
    "common/loan": ("common", "common/files", "common/protocol"),
    "common/net": ("common", "common/protocol", "common/keys"),
    "common/parts": ("common", "common/process", "common/protocol"),
    "common/spool": ("common", "common/process"),
    "common/dealer": ("common",),
    "common/redial": ("common", "common/keys", "common/net"),
    #
    "ventilator/source/decompress": COMMON,
    "ventilator/source/kinds": (*COMMON, "ventilator/source/decompress"),
    "ventilator/source/receive": (*COMMON, "ventilator/source/kinds"),
    "ventilator/source": (
        *COMMON,
        *("ventilator/source/decompress", "ventilator/source/kinds", "ventilator/source/receive"),
    ),
    "ventilator/scheduler/state": PLAIN_TYPES,
    "ventilator/scheduler": (*PLAIN_TYPES, "ventilator/scheduler/state"),
    "ventilator/report": (*COMMON, "ventilator/source", "ventilator/scheduler"),
    "ventilator": (
        *COMMON,
        *("ventilator/source/decompress", "ventilator/source/kinds", "ventilator/source/receive"),
        *("ventilator/source", "ventilator/report"),
        *("ventilator/scheduler/state", "ventilator/scheduler"),
    ),
    #
    "worker/sdk": (),
    "worker/plugin_slot": COMMON,
    "worker/supervisor/slots": COMMON,
    "worker/supervisor": (*COMMON, "worker/plugin_slot", "worker/supervisor/slots"),
    "worker/session": PLAIN_TYPES,
    "worker/task": COMMON,
    "worker/parts": (*COMMON, "worker/session", "worker/task"),
    "worker/program/plugin": (*COMMON, "worker/plugin_slot", "worker/supervisor", "worker/program"),
    "worker/program/persistent": (*COMMON, "worker/supervisor", "worker/program"),
    "worker/program": (*COMMON, "worker/supervisor"),
    "worker": (
        *COMMON,
        *("worker/plugin_slot", "worker/supervisor", "worker/session", "worker/task", "worker/parts"),
        *("worker/program/plugin", "worker/program/persistent", "worker/program"),
    ),
    "worker/examples": (),
    #
    "sink/session": PLAIN_TYPES,
    "sink/dead_letters": COMMON,
    "sink/result": (*COMMON, "sink/dead_letters"),
    "sink/messages": COMMON,
    "sink/output": (*COMMON, "sink/dead_letters", "sink/result", "sink/messages"),
    "sink/journal": (*COMMON, "sink/dead_letters", "sink/result", "sink/output"),
    "sink/parts": (*COMMON, "sink/dead_letters", "sink/result"),
    "sink/sender": (*COMMON, "sink/messages", "sink/output", "sink/journal"),
    "sink": (
        *COMMON,
        *("sink/parts", "sink/sender", "sink/session", "sink/result", "sink/output", "sink/dead_letters", "sink/journal"),
        "sink/messages",
    ),
    #
    "deploy/keygen": COMMON,
    "deploy/lib": (),
    "deploy/lib/examples": ("deploy/lib",),
    "deploy/ssh": COMMON,
    "deploy/slurm": COMMON,
    "deploy/local/parallel": COMMON,
    "deploy/local": (*COMMON, "deploy/local/parallel", "deploy/ssh", "deploy/slurm"),
}
# Single files that stand elsewhere than their folder, by their paths without suffix: they
# include more than the folder does, or are open to who may not include the folder.
MESSAGE = "common/protocol/message"
MORE = {
    # The table of a program's three ways stands above the ways.
    "worker/program/program": ("worker/program/plugin", "worker/program/persistent"),
}
OPEN = {
    MESSAGE: (*CORES, "common/records"),
    # Of messages, what a core keeps: the seal of a mark, the sink's endpoints.
    "common/protocol/mark": (*CORES, "ventilator/source"),
    "common/protocol/endpoint_list": CORES,
    # A core keeps how a peer takes payloads, as a number.
    "common/protocol/payload_compression": CORES,
    # What an input is, for each kind of input.
    "ventilator/source/input": (
        *("ventilator/source/decompress", "ventilator/source/kinds", "ventilator/source/receive"),
    ),
    # A core keeps the liveness of its connection, which is arithmetic with times.
    "common/net/liveness": ("worker/session", "sink/session"),
    # How far the run is: what the journal saves, and what is done again after it.
    "sink/session/position": ("sink/journal", "sink/output"),
    # The settings of the user's program, as plain types.
    "worker/program/program_config": ("worker/supervisor",),
    # The plugins' interface is for the world.
    "worker/fanfold": ("worker/examples", "worker/sdk", "worker/plugin_slot"),
}
# Arrows that are against the table, or close a circle, and still have to go. layers.py lets them
# pass, and says which are gone, so that this list only shrinks; house.py counts them.
STILL = set()
# Programs of their own beside a role.
APART = ("worker/sdk", "worker/examples")

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"(?P<own>[^"]+)"|<(?P<system>[^>]+)>)', re.M)
NOISE = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")


def room_of(path):
    """The nearest folder that the table knows; None: none does."""
    for folder in Path(path).parents:
        if str(folder) in MAY:
            return str(folder)
    return None


def stem(path):
    return str(Path(path).with_suffix(""))


def pair(path):
    """A file and its header are one; so is the header that X.c shares with its helpers, X_state.h."""
    shared = re.fullmatch(r"(.*)_state", stem(path))
    return shared[1] if shared and (ROOT / f"{shared[1]}.h").exists() else stem(path)


def program_of(path):
    """What is linked together: names are unique within it, and within common."""
    return room_of(path) if room_of(path) in APART else path.parts[0]


def climbs(source, target):
    """Whether what `source` takes from `target`, both of the product, is against the table."""
    here, there = room_of(source), room_of(target)
    if here is None or there is None or here == there or there in MAY[here]:
        return False
    return there not in MORE.get(stem(source), ()) and here not in OPEN.get(stem(target), ())


def includes(path):
    """(own, system): files of the tree, and names of system headers."""
    own, system = [], []
    for match in INCLUDE.finditer(text_of(path)):
        name = match["own"]
        if name is None:
            system.append(match["system"])
        else:
            # From the root; an example's fanfold.h lies in the folder above it.
            choices = [Path(name), Path(path).parent / name, Path(path).parent.parent / name]
            own.append(next((str(choice) for choice in choices if (ROOT / choice).exists()), name))
    return own, system


def sources(*folders):
    return [path for path in files(".c", ".h") if path.parts[0] in folders]


def circles(arrows):
    """The strongly connected sets of more than one node, of {node: nodes}."""
    number, low, stack, found = {}, {}, [], []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in sorted(arrows.get(node, ())):
            if other not in number:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == number[node]:
            members = [stack.pop()]
            while members[-1] != node:
                members.append(stack.pop())
            if len(members) > 1:
                found.append(sorted(members))

    for node in sorted(arrows):
        if node not in number:
            visit(node)
    return sorted(found)


class Function:
    """One definition: where its declaration begins, and the lines of its two braces."""

    def __init__(self, path, name, static, first, brace, last, calls):
        self.path, self.name, self.static = path, name, static
        self.first, self.brace, self.last, self.calls = first, brace, last, calls

    @property
    def lines(self):
        """Between the braces."""
        return self.last - self.brace - 1


def without_noise(text):
    """Comments, strings and preprocessor lines blanked, line by line as it was."""
    text = NOISE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda match: re.sub(r"[^\n]", " ", match[0]), text, flags=re.M)
    return text


def named_by(declaration):
    """The name before the parameters: of `int (*f(int a))(void)` too, of an attribute not."""
    declaration = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", declaration)
    match = re.search(r"([A-Za-z_]\w*)\s*\(", declaration)
    return match[1] if match else None


def functions_of(path):
    """The functions of a file that clang-format has formatted: a function's braces are alone at
    the beginnings of their lines, and no other brace is."""
    lines = without_noise(text_of(path)).split("\n")
    found, at = [], 0
    while at < len(lines):
        if lines[at].rstrip() != "{":
            at += 1
            continue
        first = at
        while first > 0 and lines[first - 1].strip() and not lines[first - 1].rstrip().endswith((";", "}")):
            first -= 1
        last = at
        while last < len(lines) and lines[last].rstrip() != "}":
            last += 1
        declaration = " ".join(lines[first:at])
        name = named_by(declaration)
        if name:
            calls = CALL.findall("\n".join(lines[at : last + 1]))
            static = re.search(r"\bstatic\b", declaration) is not None
            found.append(Function(path, name, static, first + 1, at + 1, last + 1, calls))
        at = last + 1
    return found


def function_calls(paths):
    """(caller, callee) of each call of a function of the tree, by name in the text.

    A name is its file's own static function, or the one function of that name in the
    caller's role or in common. What is called through a pointer is not seen."""
    functions = [function for path in paths for function in functions_of(path)]
    own, shared = {}, {}
    for function in functions:
        own[function.path, function.name] = function
        if not function.static or function.path.suffix == ".h":
            shared[program_of(function.path), function.name] = function
    for function in functions:
        for name in function.calls:
            target = (
                own.get((function.path, name))
                or shared.get((program_of(function.path), name))
                or shared.get(("common", name))
            )
            if target:
                yield function, target


def call_arrows(calls):
    """{(file pair, file pair): (function, function) of one such call}"""
    arrows = {}
    for caller, callee in calls:
        if pair(caller.path) != pair(callee.path):
            arrows.setdefault((pair(caller.path), pair(callee.path)), (caller.name, callee.name))
    return arrows


def ways_through(calls, entry, folder):
    """(calls, rooms, climbs) of what `entry` may go through within a folder and those below it.

    Calls: file pair and function of another one that it calls, each once, whatever the way
    there. Climbs: those of them that lead to a file pair nearer to the entry, and belong to a
    circle."""
    below, arrows = {}, set()
    for caller, callee in calls:
        if all(folder(function.path) for function in (caller, callee)):
            below.setdefault(caller, {})[callee] = None  # in the order of the text
    start = next((function for function in below if function.name == entry), None)
    reached, distance, todo = {start}, {}, [start] if start else []
    for function in todo:  # which grows
        distance.setdefault(pair(function.path), len(distance))
        for callee in below.get(function, ()):
            if pair(callee.path) != pair(function.path):
                arrows.add((pair(function.path), callee))
            if callee not in reached:
                reached.add(callee)
                todo.append(callee)
    rooms = graph((source, pair(callee.path)) for source, callee in arrows)
    ring = {room: number for number, members in enumerate(circles(rooms)) for room in members}
    climbing = {
        callee
        for source, callee in arrows
        if source in ring
        and ring[source] == ring.get(pair(callee.path))
        and distance[pair(callee.path)] < distance[source]
    }
    return len(arrows), len(distance), len(climbing)


def include_arrows(paths):
    """{(file pair, file pair): the including file}"""
    known = {str(path) for path in paths}
    arrows = {}
    for path in paths:
        for name in includes(path)[0]:
            if name in known and pair(name) != pair(path):
                arrows.setdefault((pair(path), pair(name)), path)
    return arrows


def graph(arrows):
    nodes = {}
    for source, target in arrows:
        nodes.setdefault(source, set()).add(target)
    return nodes
