#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every source file says its licence in its first lines."""

import re

from tree import claim, files, text_of

SUFFIXES = {".c", ".h", ".py", ".sh", ".R", ".build", ".txt", ".options", ".1", ".7"}
LINE = re.compile(r"SPDX-License-Identifier: MIT\b")


def wants_licence(path):
    if path.suffix == ".txt":
        return path.name == "meson_options.txt"
    return path.suffix in SUFFIXES or text_of(path).startswith("#!")


paths = [path for path in files() if wants_licence(path)]
found = [
    f"{path}: no `SPDX-License-Identifier: MIT` in the first three lines"
    for path in paths
    if not LINE.search("\n".join(text_of(path).splitlines()[:3]))
]
claim("source files name their licence", found, len(paths))
