# SPDX-License-Identifier: MIT
"""The ways in which fanfold gets onto a machine: quickstart's tree, and where meson installs."""

import json
import os
import re
import shutil
from pathlib import Path

from harness import ROOT

NOBODY = 65534


def built_tree(case):
    """A clone that is built already; its fanfold prints its arguments."""
    tree = case.directory / "tree"
    (tree / "deploy").mkdir(parents=True)
    shutil.copy(ROOT / "deploy/quickstart", tree / "deploy")
    for name, script in (("deploy/dependencies", ":"), ("build/deploy/local/fanfold", 'echo "args: $*"')):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    (tree / "build/build.ninja").write_text("build programs: phony\n")
    return tree


def test_quickstart_is_found_by_symbolic_links(case):
    quickstart = built_tree(case) / "deploy/quickstart"
    (case.directory / "bin").mkdir()
    os.symlink(quickstart, case.path("bin/first"))
    os.symlink("first", case.path("bin/fanfold"))
    run = case.run(case.path("bin/fanfold"), "--version", "a b")
    run.expect(0)
    assert run.output() == b"args: --version a b\n", run.output()


def test_quickstart_serves_another_user_than_the_one_who_built(case):
    if os.geteuid() != 0:
        case.skip("only root can become another user")
    quickstart = built_tree(case) / "deploy/quickstart"
    case.directory.chmod(0o755)
    run = case.run("setpriv", f"--reuid={NOBODY}", "--clear-groups", quickstart, "-n1", "--", "cat")
    run.expect(0)
    assert run.output() == b"args: -n1 -- cat\n", run.output()


def test_the_sdk_is_found_where_libdir_is_outside_of_the_prefix(case):
    build, library = case.directory / "build", case.directory / "elsewhere"
    case.run("meson", "setup", build, ROOT, "--prefix=/opt/fanfold", f"--libdir={library}").expect(0)
    described = (build / "meson-private/fanfold.pc").read_text()
    assert re.search(rf"^libdir={library}$", described, re.MULTILINE), described
    assert re.search(r"^sdkdir=\$\{libdir\}/fanfold/sdk$", described, re.MULTILINE), described
    commands = json.loads((build / "compile_commands.json").read_text())
    command = next(one["command"] for one in commands if Path(one["file"]).name == "sdk_path.c")
    assert f'FANFOLD_SDK_INSTALLED="{library}/fanfold/sdk"' in command.replace("\\", ""), command
    assert 'FANFOLD_SDK_BELOW_PREFIX=""' in command.replace("\\", ""), command
