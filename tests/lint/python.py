#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Python files parse, without a warning; their first lines name the system's Python. A suite runs each test of pipeline."""

import warnings
from pathlib import Path

from tree import ROOT, claim, files, first_line, scripts

warnings.simplefilter("error")
# Another python3 may be first in PATH, without pyzmq.
SHEBANG = "#!/usr/bin/python3"

paths = sorted({*files(".py"), *scripts({"python3", "python"})})
found = []
for path in paths:
    try:
        compile((ROOT / path).read_bytes(), str(path), "exec", dont_inherit=True)
    except (SyntaxError, Warning) as error:
        found.append(f"{path}: {error}")
    opening = first_line(path).strip()
    if opening.startswith("#!") and opening.split()[0] != SHEBANG:
        found.append(f"{path}: begins with {opening}, not {SHEBANG}")
LIST = Path("tests/pipeline/meson.build")
listed = (ROOT / LIST).read_text(encoding="utf-8")
found += [
    f"{path}: no suite runs it: {LIST} does not have it"
    for path in paths
    if path.parent == LIST.parent and path.name.startswith("test_") and f"['{path.stem[5:]}'," not in listed
]
claim("Python files parse, and those of pipeline run", found, len(paths))
