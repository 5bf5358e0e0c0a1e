#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""shellcheck has nothing to say about the shell scripts."""

from tree import claim, complaints, each, need, scripts

need("shellcheck")
paths = list(scripts({"sh", "bash", "dash"}))
claim(
    "shellcheck is content with the shell scripts",
    each(lambda path: complaints(["shellcheck", "-f", "gcc", str(path)]), paths),
    len(paths),
)
