# SPDX-License-Identifier: MIT
"""What the lint tests share: the files of the tree, and a claim told as TAP.

Each script is one claim: NAME.py ROOT [BUILD]. It knows neither git nor the build where it
can do without, so that it holds for a release's tarball as well.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
BUILD = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None


def listed_by_git():
    """Files that are or could be committed; None where git cannot tell."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        return None
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    run = subprocess.run(command, capture_output=True, check=False)
    return run.stdout.decode().split("\0")[:-1] if run.returncode == 0 else None


def listed_by_walk():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in (".git", "__pycache__") and not (Path(folder, name) / "build.ninja").exists()
        ]
        for name in names:
            yield str(Path(folder, name).relative_to(ROOT))


def files(*suffixes):
    """Paths relative to the root, of files with one of these suffixes (all without)."""
    names = listed_by_git()
    names = listed_by_walk() if names is None else names
    paths = sorted(Path(name) for name in names)
    return [path for path in paths if (ROOT / path).is_file() and (not suffixes or path.suffix in suffixes)]


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def first_line(path):
    with open(ROOT / path, "rb") as file:
        return file.readline(200).decode(errors="replace")


def scripts(shells):
    """Files whose first line names one of these interpreters."""
    for path in files():
        words = first_line(path).strip()
        if words.startswith("#!") and words.split()[-1].rsplit("/", 1)[-1] in shells:
            yield path


def need(tool):
    """Skips the claim where the tool is not installed."""
    if not shutil.which(tool):
        print(f"1..0 # SKIP no {tool}")
        sys.exit(0)


def skip(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def complaints(command, **more):
    """What a tool says when it fails, in lines; nothing when it succeeds."""
    run = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True, **more)
    if run.returncode == 0:
        return []
    said = (run.stdout + run.stderr).splitlines()
    return said or [f"{command[0]} ended with status {run.returncode}"]


def each(check, items):
    """The findings of check(item), two at a time, in order."""
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return [finding for findings in pool.map(check, items) for finding in findings]


def claim(sentence, findings, checked):
    """The end of a script: holds where there is no finding and something was looked at."""
    findings = list(findings)
    if checked == 0:
        findings = ["there is nothing to check: is the root right?"]
    print("1..1")
    print(f"{'not ok' if findings else 'ok'} 1 - {sentence}")
    for finding in findings[:200]:
        print(f"# {finding}")
    sys.exit(1 if findings else 0)
