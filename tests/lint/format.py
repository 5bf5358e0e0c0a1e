#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every C file is as clang-format has it."""

from tree import claim, complaints, each, files, need

need("clang-format")
paths = files(".c", ".h")
command = ["clang-format", "--dry-run", "-Werror", "--style=file"]
claim(
    "C files are as clang-format has them (clang-format -i mends it)",
    each(lambda path: complaints([*command, str(path)]), paths),
    len(paths),
)
