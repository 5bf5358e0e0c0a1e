#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The lint tests see what they are for: each fault, planted in a small tree, is found."""

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
C = "/* SPDX-License-Identifier: MIT */\n"
PY = "#!/usr/bin/python3\n# SPDX-License-Identifier: MIT\n"
SH = "#!/bin/sh\n# SPDX-License-Identifier: MIT\n"
MAN = '.\\" SPDX-License-Identifier: MIT\n.Dd January 1, 2026\n.Dt X 1\n.Os\n.Sh NAME\n.Nm x\n.Nd a thing\n'
MAN += ".Sh OPTIONS\n.Bl -tag -width x\n.It Fl j Ar N , Fl -jobs Ns = Ns Ar N\nJobs.\n.El\n"

TABLE = "\n## GNU parallel's options for pipes\n\n| theirs | ours | |\n|---|---|---|\n| `-P` | `-j` `--jobs` | |\n"

GOOD = {
    "common/message.h": C + "#include <stdint.h>\nextern uint8_t message;\n",
    "common/log.h": C + "void say(void);\n",
    "worker/worker.h": C + "extern int worker;\n",
    "worker/session.h": C + '#include "common/message.h"\n',
    "worker/session.c": C + '#include "worker/session.h"\n#include "worker/ledger.h"\n',
    "worker/ledger.h": C + "#include <stdint.h>\n",
    "worker/ledger.c": C + "#include <stdint.h>\n",
    "worker/main.c": C + '#include "common/log.h"\n#include "worker/worker.h"\n',
    "sink/sink.h": C + "extern int sink;\n",
    "tests/pipeline/test_x.py": PY + 'print("sleep", 1000)\n',
    "deploy/quickstart": SH + "echo\n",
    "tests/run": SH + "echo\n",
    "README.md": "[run](tests/run) or `deploy/quickstart`, see [us](https://example.org)\n" + TABLE,
    "x.1": MAN,
}

# Claim, file, what is planted in it, what is to be said of it.
FAULTS = [
    ("format", "worker/main.c", C + "int  x ;\n", "main.c"),
    ("layers", "worker/slots.c", C + '#include "sink/sink.h"\n', "of another role"),
    ("layers", "common/log.c", C + '#include "worker/worker.h"\n', "of another role"),
    ("layers", "deploy/local/fanfold.c", C + '#include "sink/sink.h"\n', "of another role"),
    ("layers", "worker/slots.c", C + '#include "worker/worker.h"\n', "only main.c"),
    ("layers", "worker/session.c", C + "#include <unistd.h>\n", "reaches <unistd.h>"),
    ("layers", "common/message.h", C + "#include <zmq.h>\n", "reaches <zmq.h>"),
    ("layers", "worker/session.c", C + '#include "common/log.h"\n', "reaches common/log.h"),
    ("layers", "worker/session_parts.c", C + "#include <poll.h>\n", "reaches <poll.h>"),
    ("layers", "worker/ledger.c", C + "#include <time.h>\n", "reaches <time.h>"),
    ("layers", "worker/session.c", C + "long x(void)\n{\n    return clock_now_us();\n}\n", "calls clock_now_us"),
    ("layers", "worker/main.c", C + '#include "worker/gone.h"\n', "does not exist"),
    ("layers", "worker/examples/x.c", C + '#include "common/log.h"\n', "fanfold.h alone"),
    ("headers", "common/log.h", C + "void say(uint8_t);\n", "uint8_t"),
    ("headers", "common/log.h", C + "int said = 1;\n", "redefinition"),
    ("licence", "worker/main.c", "int x;\n", "main.c"),
    ("licence", "tests/run", "#!/bin/sh\n", "tests/run"),
    ("shell", "tests/run", SH + "rm $1\n", "SC2086"),
    ("man", "x.1", MAN + ".Xx\n", "x.1"),
    ("options", "x.1", MAN.replace("-jobs", "-slots"), "says nothing of --jobs"),
    ("options", "x.1", MAN.replace("-jobs", "-slots"), "--slots is no option"),
    ("options", "x.1", MAN.replace("Fl j Ar N , ", ""), "says nothing of -j"),
    ("options", "y.1", MAN, "there is no such program"),
    ("size", "worker/main.c", C + "\n" * 900, "901 lines"),
    ("readme", "README.md", "tests/run\n", "deploy/quickstart"),
    ("readme", "README.md", GOOD["README.md"] + "[x](gone.md)\n", "gone.md"),
    ("parallel", "README.md", TABLE + "| `--lb` | `--line-buffer` | |\n", "--line-buffer is no option"),
    ("parallel", "README.md", TABLE + "| `--lb` | `-u -j` | |\n", "-u is no option"),
    ("parallel", "README.md", TABLE + "| `--lb` | `-j` |\n", "a row has 2 cells"),
    ("parallel", "README.md", "none\n", "nothing to check"),
    ("waiting", "tests/unit/x.c", C + "void f(void)\n{\n    usleep(5);\n}\n", "usleep"),
    ("waiting", "tests/pipeline/test_x.py", PY + "import time\ntime.sleep(1)\n", "time.sleep"),
    ("waiting", "tests/run", SH + "while true; do sleep 1; done\n", "sleep 1"),
    ("python", "tests/pipeline/test_x.py", PY + "def f(:\n", "test_x.py"),
    ("python", "tests/pipeline/test_x.py", PY.replace("/usr/bin/", "/usr/bin/env "), "not #!/usr/bin/python3"),
    ("clang", "worker/main.c", C + "int f(void)\n{\n    int x;\n    return 0;\n}\n", "unused"),
    ("tidy", "worker/main.c", C + "int f(int x)\n{\n    return x == x;\n}\n", "redundant"),
]


@contextlib.contextmanager
def tree(**changed):
    with tempfile.TemporaryDirectory(prefix="fanfold-lint-") as name:
        root = Path(name)
        for path, text in {**GOOD, **changed}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        for path in ("deploy/quickstart", "tests/run"):
            (root / path).chmod(0o755)
        for path in (".clang-format", ".clang-tidy"):
            shutil.copy(ROOT / path, root)
        build = root / "build"
        build.mkdir()
        (build / "build.ninja").touch()
        for program in ("x", "fanfold"):
            (build / program).write_text('#!/bin/sh\necho "  -j, --jobs=N   Jobs"\n')
            (build / program).chmod(0o755)
        command = f"cc -I{root} -Wall -Wextra -o x.o -c ../worker/main.c"
        entry = {"directory": str(build), "file": "../worker/main.c", "command": command}
        (build / "compile_commands.json").write_text(json.dumps([entry]))
        yield root, build


def run(name, root, build):
    command = [sys.executable, "-B", HERE / f"{name}.py", root, build]
    return subprocess.run(command, capture_output=True, check=False, text=True)


def tell(number, sentence, good, said):
    print(f"{'ok' if good else 'not ok'} {number} - {sentence}", flush=True)
    if not good:
        print("".join(f"# {line}\n" for line in said.splitlines()), end="")
    return good


names = sorted({name for name, *_ in FAULTS})
print(f"1..{len(names) + len(FAULTS)}")
verdicts = []
with tree() as (where, made):
    for name in names:
        result = run(name, where, made)
        sentence = f"{name} is content with a good tree"
        if "# SKIP" in result.stdout:
            sentence += " # SKIP tool is missing"
        verdicts.append(
            tell(len(verdicts) + 1, sentence, result.returncode == 0, result.stdout + result.stderr)
        )
for name, path, fault, words in FAULTS:
    with tree(**{path: fault}) as (where, made):
        result = run(name, where, made)
    sentence = f"{name} finds a fault in {path} ({words.replace('#', '')})"
    found = result.returncode == 1 and words in result.stdout
    if "# SKIP" in result.stdout:
        found, sentence = True, sentence + " # SKIP tool is missing"
    verdicts.append(tell(len(verdicts) + 1, sentence, found, result.stdout + result.stderr))
sys.exit(0 if all(verdicts) else 1)
