#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Python files parse, without a warning; their first lines name the system's Python."""

import warnings

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
claim("Python files parse", found, len(paths))
