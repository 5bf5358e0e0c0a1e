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
MAN += ".Sh OPTIONS\n.Bl -tag -width x\n.\\\" BEGIN All options\n"
MAN += ".It Fl j Ar N , Fl -jobs Ns = Ns Ar N\nJobs.\n.\\\" END\n.El\n"
OPTIONS = "# SPDX-License-Identifier: MIT\n[jobs]\ngroup = Run\nlauncher = own\nletter = j\nvalue = N\n"
OPTIONS += "help = Jobs\nmanual = Jobs.\n"

LIST = MAN.partition(".Sh OPTIONS")[0].replace(".Dt X 1", ".Dt X 7") + ".Sh LIST\n.Bl -tag -width x\n{}.El\n"
PARALLEL = "deploy/man/fanfold-parallel.7"
ENTRY = ".It Fl P\nWrite\n.Fl j\nor\n.Fl -jobs .\n"
MESSAGES = "deploy/man/fanfold-troubleshooting.7"
MESSAGE = ".It Sy cannot read Ar FILE Ns Sy \\&: Ar REASON\nMend it.\n"
GUARANTEES = "deploy/man/fanfold-guarantees.7"
FAULT = ".It A fault\n.Bl -tag -width x -compact\n.It seen\na\n.It guaranteed\nb\n.It tests\ntest_x: a_test\n.El\n"

GOOD = {
    "common/protocol/message.h": C + "#include <stdint.h>\nextern uint8_t message;\n",
    "common/net/uplink.h": C + "extern int uplink;\n",
    "common/log.h": C + "void say(void);\n",
    "worker/worker.h": C + "extern int worker;\n",
    "worker/session/session.h": C + '#include "common/protocol/message.h"\n',
    "worker/session/session_state.h": C + "extern int session_state;\n",
    "worker/session/session.c": C
    + '#include "worker/session/session.h"\n#include "worker/session/ledger.h"\n'
    + "void session_on_message(void)\n{\n    ledger_take();\n}\n",
    "worker/session/ledger.h": C + "#include <stdint.h>\nvoid ledger_take(void);\n",
    "worker/session/ledger.c": C + "#include <stdint.h>\nvoid ledger_take(void)\n{\n}\n",
    "worker/session/slots.h": C + "extern int slots;\n",
    **{f"worker/session/part{number}.c": C for number in range(4)},
    "worker/main.c": C + '#include "common/log.h"\n#include "worker/worker.h"\n',
    "sink/sink.h": C + "extern int sink;\n",
    "tests/unit/worker/session/test_ledger.c": C,
    "tests/pipeline/meson.build": "# SPDX-License-Identifier: MIT\n['x', 60, []],\n",
    "tests/pipeline/test_x.py": PY + 'def test_a_test():\n    print("sleep", 1000)\n',
    "deploy/quickstart": SH + "echo\n",
    "tests/run": SH + "echo\n",
    "README.md": "[run](tests/run) or `deploy/quickstart`, see [us](https://example.org)\n",
    PARALLEL: LIST.format(ENTRY),
    GUARANTEES: LIST.format(FAULT),
    MESSAGES: LIST.format(MESSAGE),
    "sink/read.c": C + 'const char *text = "cannot "\n                   "read %s: %s";\n',
    "x.1": MAN,
    "fanfold.1": MAN,
    "common/options/options.ini": OPTIONS,
}

# Claim, file, what is planted in it, what is to be said of it.
FAULTS = [
    ("format", "worker/main.c", C + "int  x ;\n", "main.c"),
    ("layers", "worker/slots.c", C + '#include "sink/sink.h"\n', "of another role"),
    ("layers", "common/log.c", C + '#include "worker/worker.h"\n', "of another role"),
    ("layers", "deploy/local/fanfold.c", C + '#include "sink/sink.h"\n', "of another role"),
    ("layers", "worker/slots.c", C + '#include "worker/worker.h"\n', "only main.c"),
    ("layers", "worker/session/session.c", C + "#include <unistd.h>\n", "reaches <unistd.h>"),
    ("layers", "common/protocol/message.h", C + "#include <zmq.h>\n", "reaches <zmq.h>"),
    ("layers", "worker/session/session.c", C + '#include "common/log.h"\n', "reaches common/log.h"),
    ("layers", "worker/session/parts.c", C + "#include <poll.h>\n", "reaches <poll.h>"),
    ("layers", "worker/session/ledger.c", C + "#include <time.h>\n", "reaches <time.h>"),
    (
        *("layers", "worker/session/session.c"),
        C + "long x(void)\n{\n    return clock_now_us();\n}\n",
        "calls clock_now_us",
    ),
    ("layers", "worker/main.c", C + '#include "worker/gone.h"\n', "does not exist"),
    ("layers", "worker/examples/x.c", C + '#include "common/log.h"\n', "fanfold.h alone"),
    (
        *("layers", "worker/task/x.c"),
        C + '#include "worker/session/slots.h"\n',
        "runs back up (worker/task -> worker/session)",
    ),
    ("layers", "common/log.h", C + '#include "common/net/uplink.h"\n', "runs back up (common -> common/net)"),
    (
        *("layers", "worker/session/ledger.h"),
        C + '#include "common/net/uplink.h"\n',
        "runs back up (worker/session -> common/net)",
    ),
    ("layers", "worker/session/ledger.h", C + '#include "worker/session/session.h"\n', "a circle of includes"),
    ("layers", "worker/attic/x.c", C, "worker/attic: a folder that the table"),
    ("layers", "tests/unit/worker/test_ledger.c", C, "lies elsewhere"),
    ("layers", "tests/unit/worker/attic/test_x.c", C, "tests of worker/attic, which does not exist"),
    (
        *("house", "worker/session/ledger.c"),
        C + "void ledger_take(void)\n{\n    session_on_message();\n}\n",
        "circle of calls",
    ),
    ("house", "worker/session/ledger.h", C + '#include "worker/session/session.h"\n', "circle of includes"),
    ("house", "worker/task/x.c", C + '#include "worker/session/slots.h"\n', "runs back up"),
    ("house", "worker/session/session.c", C + "void session_act(void)\n{\n}\n", "there is no session_on_message"),
    ("house", "common/x.c", C + '#include "worker/session/session_state.h"\n', "state struct"),
    ("house", "worker/main.c", C + "void f(void)\n{\n" + "    ;\n" * 61 + "}\n", "f has 61"),
    ("house", "worker/main.c", C + "\n" * 450, "main.c has 451"),
    ("house", "worker/session/x.c", C, "worker/session has 7 .c files"),
    ("headers", "common/log.h", C + "void say(uint8_t);\n", "uint8_t"),
    ("headers", "common/log.h", C + "int said = 1;\n", "redefinition"),
    (
        *("hand", "worker/main.c"),
        C + "int f(int *p)\n{\n    if (p == NULL)\n        return 1;\n    return 0;\n}\n",
        "== NULL",
    ),
    (
        *("hand", "worker/main.c"),
        C + "int f(int *p)\n{\n    if (p != NULL)\n        return 1;\n    return 0;\n}\n",
        "!= NULL",
    ),
    ("hand", "worker/main.c", C + "int f(int p)\n{\n    p++;\n\n    return p;\n}\n", "a blank line within f"),
    ("hand", "tests/unit/x.c", C + "int f(int p)\n{\n\n    return p;\n}\n", "the beginning of a block"),
    ("hand", "tests/unit/x.c", C + "int f(int p)\n{\n    return p;\n\n}\n", "the end of a block"),
    ("hand", "worker/main.c", C + "\n/* ---- one ----------- */\n\nint x;\n", "a banner that is not"),
    ("hand", "worker/main.c", C + "\n/* ---- one ---- */\nint x;\n", "a banner without"),
    ("hand", "worker/main.c", C + "int x; // one\n", "a comment with //"),
    ("hand", "worker/main.c", C + "/* One\n * two.\n */\nint x;\n", "opens with text and closes otherwise"),
    (
        *("hand", "worker/main.c"),
        C + "struct x {\n    int\n        one; /* that is\n              long */\n};\n",
        "its comment breaks",
    ),
    ("licence", "worker/main.c", "int x;\n", "main.c"),
    ("licence", "tests/run", "#!/bin/sh\n", "tests/run"),
    ("shell", "tests/run", SH + "rm $1\n", "SC2086"),
    ("man", "x.1", MAN + ".Xx\n", "x.1"),
    ("options", "x.1", MAN.replace("-jobs", "-slots"), "says nothing of --jobs"),
    ("options", "x.1", MAN.replace("-jobs", "-slots"), "--slots is no option"),
    ("options", "x.1", MAN.replace("Fl j Ar N , ", ""), "says nothing of -j"),
    ("options", "y.1", MAN, "there is no such program"),
    ("options", "fanfold.1", MAN.replace("Jobs.", "Slots."), "is not as the table has it"),
    ("options", "common/options/options.ini", OPTIONS.replace("[jobs]", "[slots]"), "--slots is in the table"),
    ("options", "common/options/options.ini", OPTIONS.replace("letter", "aliases = --slots\nletter"), "--slots is in"),
    ("options", "common/options/options.ini", OPTIONS.replace("letter = j\n", ""), "-j is not in the table"),
    ("options", "common/options/options.ini", OPTIONS.replace("letter", "leter"), "no field leter"),
    ("options", "common/options/options.ini", OPTIONS.replace("value = N", "value = SECONDS"), "call it DURATION"),
    ("size", "worker/main.c", C + "\n" * 900, "901 lines"),
    ("readme", "README.md", "tests/run\n", "deploy/quickstart"),
    ("readme", "README.md", GOOD["README.md"] + "[x](gone.md)\n", "gone.md"),
    ("readme", GUARANTEES, FAULT.replace("a_test", "no_test"), "test_x has no test no_test"),
    ("readme", GUARANTEES, FAULT.replace("test_x", "test_y"), "there is no test_y"),
    ("readme", GUARANTEES, FAULT.replace("test_x: a_test", "see there"), "A fault names no test"),
    ("readme", GUARANTEES, FAULT.replace(".It guaranteed\nb\n", ""), "A fault has no guaranteed"),
    ("readme", GUARANTEES, "none\n", "no fault"),
    ("readme", MESSAGES, MESSAGE.replace("cannot", "can not"), "no program prints: can not read"),
    ("readme", MESSAGES, "none\n", "has no message"),
    ("readme", MESSAGES, MESSAGE + ".Xr fanfold-gone 7\n", "fanfold-gone(7), which is not there"),
    ("parallel", PARALLEL, ENTRY + ".It Fl -lb\nWrite\n.Fl -line-buffer .\n", "--line-buffer is no option"),
    ("parallel", PARALLEL, ENTRY + ".It Fl -lb\nWrite\n.Fl u\nor\n.Fl j .\n", "-u is no option"),
    ("parallel", PARALLEL, ENTRY + ".It Fl -lb\nWrite\n.Ql --color 'wc --bytes' .\n", "--color is no option"),
    ("parallel", PARALLEL, ENTRY + ".It Fl -lb\nAny of\n.Fl j .\n", "begins with none of"),
    ("parallel", PARALLEL, "none\n", "nothing to check"),
    ("waiting", "tests/unit/x.c", C + "void f(void)\n{\n    usleep(5);\n}\n", "usleep"),
    ("waiting", "tests/pipeline/test_x.py", PY + "import time\ntime.sleep(1)\n", "time.sleep"),
    ("waiting", "tests/run", SH + "while true; do sleep 1; done\n", "sleep 1"),
    ("python", "tests/pipeline/test_x.py", PY + "def f(:\n", "test_x.py"),
    ("python", "tests/pipeline/test_y.py", PY, "no suite runs it"),
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
