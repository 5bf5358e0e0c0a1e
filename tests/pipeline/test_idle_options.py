# SPDX-License-Identifier: MIT
"""An option that does nothing beside the others is refused with status 2 and a sentence that says what it is for.

IDLE has such command lines; STAYS says why an option has none. Together they are all options of the table.
"""

import configparser
import re
from pathlib import Path

import pytest

PULL = ["-i", "pull:ipc://{}/feed"]
PUSH = ["-o", "push:ipc://{}/feed"]
EXEC = ["-i", "exec:true"]
EXEC_OUT = ["-o", "exec:cat", "--spool-out", "{}/spool"]
WHOLE = "is for inputs that are cut into chunks, and a whole input is one chunk"
FOR_MESSAGES = "is for inputs that are messages, such as -i pull:tcp://host:5557"
FOR_SOCKETS = "expected -o with a socket such as push:tcp://host:5558"
FOR_SSH = "needs -S, or --sshloginfile: "
FOR_SLURM = "needs --slurm"

# Option, words beside it, what is said. The program is fanfold, unless the words begin with another.
IDLE = [
    ("--topic x", [], FOR_MESSAGES),
    ("--topic x", PULL, "is for sub: alone"),
    ("--sub-seq 1", [], FOR_MESSAGES),
    ("--sub-seq 1", PULL, "is for sub: alone"),
    ("--keys-in {}", [], FOR_MESSAGES),
    ("--keys-in {}", PULL, "is for messages over tcp://"),
    ("--hwm 5", [], "is for an input or an output that is messages"),
    ("--hwm 5", EXEC, "is for an input or an output that is messages"),
    ("--hwm 5", EXEC_OUT, "is for an input or an output that is messages"),
    ("--hwm 5", ["fanfold-ventilator"], FOR_MESSAGES),
    ("--hwm 5", ["fanfold-sink"], FOR_SOCKETS),
    ("--frame 1", [], FOR_MESSAGES),
    ("--frame-sep ,", [], FOR_MESSAGES),
    ("--end-message END", [], FOR_MESSAGES),
    ("--end-message END", EXEC, "is for inputs that are messages, and not for exec:"),
    ("--idle 1", [], FOR_MESSAGES),
    ("--spool {}/spool", [], FOR_MESSAGES),
    ("--spool-size 1M", PULL, "is for --spool"),
    ("--from-committed", PULL, "needs --resume"),
    ("--whole-files", PULL, "messages are no files"),
    ("--no-decompress", PULL, "is for files and streams"),
    ("--no-decompress", EXEC, "is for files and streams"),
    ("--header 1", PULL, "messages have no header lines"),
    ("--dry-run", PULL, "would take the messages and run nothing"),
    ("--block 1M", ["--whole-files"], WHOLE),
    ("--block 1M", ["--format", "whole"], WHOLE),
    ("--block-timeout 1", ["--whole-files"], WHOLE),
    ("--block-timeout 1", ["-i", "{}/in"], "is for streams"),
    ("--block-timeout 1", ["-i", "{}/in", "-i", "{}/in"], "is for streams"),
    ("--latency 1", ["--format", "whole"], WHOLE),
    ("--latency 1", ["-i", "{}/in"], "is for streams"),
    ("--linger 1", [], FOR_MESSAGES),
    ("--max-replace-args 1", ["--whole-files"], "excludes -N"),
    ("--format csv", ["--whole-files"], "excludes -N and all that says what a record is"),
    ("--max-lines 1", ["--whole-files"], "excludes -N and all that says what a record is"),
    ("--recend x", ["--fixed", "5"], "contradict each other"),
    ("--recstart x", ["--fixed", "5"], "contradict each other"),
    ("--regexp", [], "needs --recstart or --recend"),
    ("--null", ["--fixed", "5"], "contradict each other"),
    ("--fixed 5", ["--whole-files"], "excludes -N and all that says what a record is"),
    ("--strip-frame", [], "needs --format frames"),
    ("--min-workers 2", [], "needs -S, --slurm, or --tasks"),
    ("--halt soon,fail=1", [], "needs --on-error"),
    ("--resume", ["fanfold-sink"], "expected -o FILE: standard output has no journal"),
    ("--silence 1", [], "needs --mode lines"),
    ("--prepare-each", [], "needs --mode frames"),
    ("--mode exec", ["--plugin", "p.so"], "is not for plugins"),
    ("--shell", ["--plugin", "p.so"], "is for a command"),
    ("--rotate 1M", [], "expected -o FILE, a regular file"),
    ("--rotate 1M", PUSH, "expected -o FILE, a regular file"),
    ("--spool-out {}/spool", [], "expected -o with a receiver"),
    ("--spool-out-size 1M", [], "expected --spool-out beside it"),
    ("--envelope", [], FOR_SOCKETS),
    ("--envelope", EXEC_OUT, FOR_SOCKETS),
    ("--keys-out {}", [], FOR_SOCKETS),
    ("--keys-out {}", EXEC_OUT, FOR_SOCKETS),
    ("--keys-out {}", PUSH, "is for messages over tcp://"),
    ("--unordered", EXEC_OUT, "expected no --spool-out"),
    ("--frames-out", PUSH, "expected an output of bytes"),
    ("--records-out csv", [], "expected --frames-out=record beside it"),
    ("--slurm-options x", [], FOR_SLURM),
    ("--idle-release 5", [], FOR_SLURM),
    ("--on-lost stop", [], FOR_SLURM),
    ("--drain-before 5", [], FOR_SLURM),
    ("--end-time 99999999999", ["fanfold-worker"], "is for --drain-before"),
    ("--results tcp://127.0.0.1:*", ["--insecure"], "needs --tasks"),
    ("--advertise host", [], "expected an endpoint, as results are taken at ipc://"),
    ("--port-range 20000-20100", [], "needs a --tasks that other hosts reach"),
    ("--interface lo", [], "needs a --tasks that other hosts reach"),
    ("--interface lo", ["--insecure", "--tasks", "tcp://127.0.0.1:*"], "is for an endpoint whose host is *"),
    ("--interface lo", ["fanfold-ventilator"], "expected it beside an endpoint whose host is *"),
    ("--interface lo", ["fanfold-sink"], "expected it beside an endpoint whose host is *"),
    ("--ssh ssh", [], FOR_SSH),
    ("--remote-bin /opt", [], FOR_SSH),
    ("--copy-self", [], FOR_SSH),
    ("--transfer-file x", [], FOR_SSH),
    ("--tunnel", [], FOR_SSH),
    ("--by-reference", [], "needs --root DIR"),
    ("--root /", [], "needs --by-reference"),
    ("--parts {}", [], "expected -o FILE"),
    ("--join manifest", ["fanfold-sink"], "expected --parts DIR"),
]

WAITS = "it counts in every run, or only where something happens that no option excludes"
LIMIT = "a limit, or how much may be held: it counts where the run comes to it"
SPEED = "the output is the same, and a link, a program or a worker may come that it is for"
HOST = "it is for any run that somebody may join; where all is on one host there is nothing to keep from others"
INSIDE = "hidden: our own programs give it to each other"
PARALLEL = "accepted for GNU parallel's sake"
STAYS = {
    **dict.fromkeys(["input", "arg-file", "output", "jobs", "plugin", "workdir", "nice", "memory", "tasks", "slurm", "name"], WAITS),
    **dict.fromkeys(["sshlogin", "sshloginfile", "header-out", "committed", "joblog", "endpoint-file", "stay", "check"], WAITS),
    **dict.fromkeys(["retries", "timeout", "on-error", "dead-letters", "liveness", "patience", "log-level", "place"], WAITS),
    **dict.fromkeys(["committed-fd"], "its reader hears of the end of any run"),
    **dict.fromkeys(["progress", "no-progress", "quiet"], "what a person sees; a script may give it anywhere"),
    **dict.fromkeys(["max-record", "max-result", "window", "buffer", "tmpdir"], LIMIT),
    **dict.fromkeys(["speculate", "compress-links", "by-value"], SPEED),
    **dict.fromkeys(["keys", "insecure"], HOST),
    **dict.fromkeys(["private-dead-letters", "embedded", "no-dead-letters", "command-hash", "from-messages", "rerun", "leash", "copied"], INSIDE),
    **dict.fromkeys(["alive-fd", "ready-file", "join-key", "places-fd", "join-words", "public-tasks", "public-results"], INSIDE),
    **dict.fromkeys(["supervised", "shared-line"], INSIDE),
    **dict.fromkeys(["pipe", "keep-order", "group", "no-run-if-empty"], PARALLEL),
}


def test_each_option_is_refused_where_it_does_nothing_or_has_a_reason_to_stay():
    table = configparser.RawConfigParser(strict=False)
    table.read(Path(__file__).parents[2] / "common/options/options.ini")
    refused = {option.split()[0].removeprefix("--") for option, _, _ in IDLE}
    assert set(table.sections()) == refused | set(STAYS)
    assert not refused & set(STAYS)


@pytest.mark.parametrize("option, beside, said", IDLE, ids=lambda value: " ".join(value) if isinstance(value, list) else value)
def test_an_option_that_does_nothing_is_refused(case, option, beside, said):
    case.file("in", b"a\nb\n")
    program, beside = (beside[0], beside[1:]) if beside and beside[0].startswith("fanfold") else ("fanfold", beside)
    command = ["--", "cat"] if program in ("fanfold", "fanfold-worker") and "--plugin" not in beside else []
    words = [word.format(case.directory) for word in (*beside, *option.split())]
    run = case.start(program, *words, *command, stdin=b"a\n")
    run.expect(2)
    assert said in run.stderr(), run.stderr()
    assert option.split()[0] in run.stderr() or re.match("excludes|contradict", said), run.stderr()


@pytest.mark.parametrize(
    "options",
    [
        ["--latency", "1s"],
        ["--block-timeout", "1s"],
        ["--latency", "1s", "-i", "-"],
        ["-S", ":", "--port-range", "20000-20100"],
        ["-S", ":", "--interface", "lo"],
    ],
    ids=" ".join,
)
def test_an_option_stays_where_only_what_a_script_was_given_makes_it_idle(case, options):
    """Standard input that happens to be a file, and a list of hosts with this one alone."""
    case.file("in", b"a\nb\n")
    run = case.shell(f"fanfold {' '.join(options)} -- cat <in")
    run.expect(0)
    assert run.output() == b"a\nb\n"
