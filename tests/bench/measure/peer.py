# SPDX-License-Identifier: MIT
"""The other tools, by the package that has them. One that is not installed takes no part, and its package is named."""

import importlib.util
import shutil

# name: (kind, what to look for, Debian's package)
PEERS = {
    "parallel": ("command", "parallel", "parallel"),
    "xargs": ("command", "xargs", "findutils"),
    "pigz": ("command", "pigz", "pigz"),
    "gearmand": ("command", "gearmand", "gearman-job-server"),
    "gearman": ("command", "gearman", "gearman-tools"),
    "joblib": ("module", "joblib", "python3-joblib"),
    "distributed": ("module", "distributed", "python3-distributed"),
}


def path_of(command):
    """Daemons lie where a person's PATH may not lead."""
    return shutil.which(command) or shutil.which(command, path="/usr/sbin")


def is_here(name):
    kind, what, _ = PEERS[name]
    return bool(path_of(what) if kind == "command" else importlib.util.find_spec(what))


def missing(names):
    """A sentence for each of these peers that is not here."""
    return [
        f"skipped: {name} is not installed: package {PEERS[name][2]}, or deploy/dependencies bench"
        for name in names
        if not is_here(name)
    ]
