#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""C files stay readable in one sitting.

Over WISH lines a file is named; over LIMIT the claim fails. Lines over 88 columns are
clang-format's, save for what it cannot break.
"""

from tree import claim, files, text_of

WISH = 500
LIMIT = 800

paths = files(".c", ".h")
lengths = {path: len(text_of(path).splitlines()) for path in paths}
for path, length in lengths.items():
    if WISH < length <= LIMIT:
        print(f"# warning: {path} has {length} lines; {WISH} is the wish")
claim(
    f"no C file is longer than {LIMIT} lines",
    [f"{path} has {length} lines" for path, length in lengths.items() if length > LIMIT],
    len(paths),
)
