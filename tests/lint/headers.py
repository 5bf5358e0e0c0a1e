#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every header compiles alone."""

from tree import ROOT, claim, complaints, each, files

OPTIONS = ["-std=c11", "-D_GNU_SOURCE", "-DFANFOLD_VERSION=\"0\"", f"-I{ROOT}", "-Wall", "-Wextra", "-Werror"]


def compile_alone(path):
    # From standard input, because gcc warns of `#pragma once` and the like in a main file.
    command = ["cc", *OPTIONS, "-fsyntax-only", "-x", "c", "-"]
    return complaints(command, input=f'#include "{path}"\n#include "{path}"\n')


paths = files(".h")
claim("headers compile alone, and twice", each(compile_alone, paths), len(paths))
