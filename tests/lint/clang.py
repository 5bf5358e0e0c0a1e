#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""clang compiles every file of the build without a warning."""

import itertools
import json
import shlex

from tree import BUILD, claim, complaints, each, need

need("clang")
# gcc's own options are none of clang's business.
MORE = ["-fsyntax-only", "-Werror", "-Wno-unknown-warning-option", "-Qunused-arguments", "-fno-color-diagnostics"]
OUTPUTS = {"-o": 2, "-MF": 2, "-MQ": 2, "-MD": 1, "-c": 1}


def options_of(command):
    """The compiler's options without what names outputs; a launcher may precede the compiler."""
    words = itertools.dropwhile(lambda word: not word.startswith("-"), shlex.split(command))
    for word in words:
        if word in OUTPUTS:
            for _ in range(OUTPUTS[word] - 1):
                next(words)
        elif word != "-Werror" and not word.startswith("-fsanitize"):
            yield word


def compile_again(entry):
    said = complaints(["env", "-C", entry["directory"], "clang", *options_of(entry["command"]), *MORE])
    return [line for line in said if ": error: " in line] or said


entries = json.loads((BUILD / "compile_commands.json").read_text())
entries = list({entry["file"]: entry for entry in entries if entry["file"].endswith(".c")}.values())
claim("clang compiles without a warning", dict.fromkeys(each(compile_again, entries)), len(entries))
