#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""clang-tidy, with the few checks of .clang-tidy, finds nothing in what ships."""

import json
import os
from pathlib import Path

from tree import BUILD, ROOT, claim, complaints, each, need

need("clang-tidy")
OPTIONS = ["--quiet", "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-error"]


def place(entry):
    return os.path.relpath(Path(entry["directory"], entry["file"]).resolve(), ROOT)


def check(path):
    said = complaints(["clang-tidy", *OPTIONS, f"-p={BUILD}", path])
    return [line for line in said if ": error: " in line or ": warning: " in line] or said


paths = {place(entry) for entry in json.loads((BUILD / "compile_commands.json").read_text())}
paths = sorted(path for path in paths if path.endswith(".c") and not path.startswith(("tests/", "..")))
claim("clang-tidy finds nothing in what ships", each(check, paths), len(paths))
