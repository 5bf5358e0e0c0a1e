# SPDX-License-Identifier: MIT
"""Builds a simulator that has a planted bug, from what the real simulator's build left behind."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from mutant import Failure, plant

ROOT = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("FANFOLD_BUILD", ROOT / "build")).resolve()
FOLDERS = ("common", "ventilator", "worker", "sink", "tests/sim")
SIMULATOR = BUILD / "tests/sim/sim"


def compile_commands():
    """{source: arguments} of what a simulator is made of."""
    found = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        source = os.path.relpath(Path(entry["directory"], entry["file"]).resolve(), ROOT)
        if source.startswith(FOLDERS) and "/examples/" not in source and source not in found:
            found[source] = shlex.split(entry["command"])
    return found


def reaches(source, headers, tree, seen):
    """Whether the file includes one of the headers, directly or through others."""
    for name in re.findall(r'#include "([^"]+)"', (tree / source).read_text()):
        path = name if (tree / name).exists() else str(Path(source).parent / name)
        if path in headers:
            return True
        if path in seen or not (tree / path).exists():
            continue
        seen.add(path)
        if reaches(path, headers, tree, seen):
            return True
    return False


def compile_one(source, arguments, tree, output):
    arguments = [word for word in arguments if word != "-MD"]
    arguments[arguments.index("-o") + 1] = str(output)
    for flag in ("-MQ", "-MF"):
        if flag in arguments:
            at = arguments.index(flag)
            del arguments[at : at + 2]
    arguments[arguments.index("-c") + 1] = str(tree / source)
    first_flag = next(i for i, word in enumerate(arguments) if word.startswith("-"))
    arguments[first_flag:first_flag] = [f"-I{tree}", "-w"]
    made = subprocess.run(arguments, cwd=BUILD, capture_output=True, text=True, check=False)
    if made.returncode:
        raise Failure(f"{source} does not compile:\n{made.stderr}")


def link(objects, output):
    """Changed objects come first, so that the linker takes no object of the same name from an archive."""
    plain = {path.name: path for path in (BUILD / "tests/sim/sim.p").glob("*.o")}
    changed = {path.name for path in objects}
    rest = [str(path) for name, path in plain.items() if f"tests_sim_{name}" not in changed]
    found = re.search(r"^build tests/sim/sim:.*?^ LINK_ARGS = (.*?)$", (BUILD / "build.ninja").read_text(), re.M | re.S)
    arguments = ["cc", "-o", str(output), *map(str, objects), *rest, *shlex.split(found[1])]
    made = subprocess.run(arguments, cwd=BUILD, capture_output=True, text=True, check=False)
    if made.returncode:
        raise Failure(f"does not link:\n{made.stderr}")


def build(path, tree):
    """A simulator with this bug."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("mutants"))
    changed, _ = plant(path, ROOT)
    for name, text in changed.items():
        (tree / name).write_text(text)
    headers = {name for name in changed if name.endswith(".h")}
    objects = []
    for source, arguments in compile_commands().items():
        needed = source in changed or (headers and reaches(source, headers, tree, set()))
        if not needed or Path(source).name == "main.c" and not source.startswith("tests/sim"):
            continue
        output = tree / (source.replace("/", "_") + ".o")
        compile_one(source, arguments, tree, output)
        objects.append(output)
    link(objects, tree / "sim")
    return tree / "sim"
