#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""mandoc has nothing to say about the man pages."""

from tree import claim, complaints, each, files, need, skip

need("mandoc")
paths = files(".1", ".3", ".5", ".7", ".8")
if not paths:
    skip("there are no man pages")
claim(
    "mandoc is content with the man pages",
    each(lambda path: complaints(["mandoc", "-Tlint", "-Wwarning", str(path)]), paths),
    len(paths),
)
