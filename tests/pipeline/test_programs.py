# SPDX-License-Identifier: MIT
"""What the user's program finds and may use: numbers in its words and in its environment,
a shell, a directory, a niceness, so much memory; and plugins in C++."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dead_letters import read_dead_letters
from harness import ROOT

# Uses 300 MiB where a line says so, in the first $FAILS attempts, and waits; other lines it
# gives back in capitals.
EATER = """
import os, sys, signal
for line in sys.stdin:
    if "!eat" in line and int(os.environ["FANFOLD_ATTEMPT"]) <= int(os.environ.get("FAILS", "9")):
        print("about to eat", file=sys.stderr, flush=True)
        eaten = [b"x" * (100 << 20) for _ in range(3)]
        signal.pause()
    sys.stdout.write(line.upper())
"""
EATING = ["--", sys.executable, "-c", EATER]
MEMORY = "100M"


def refusal(case, *words, status=2):
    """The one line that is said; nothing is written."""
    run = case.run("fanfold", *words, stdin=b"a\n")
    assert run.status == status, (words, run.status, run.stderr())
    assert run.output() == b"", run.output()
    lines = run.stderr().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


# ---- a command that cannot be started yet, or not so ----


def copied_cat(case):
    """A program of this case's own."""
    program = case.path("program")
    shutil.copy("/bin/cat", program)
    return program


@pytest.mark.parametrize("mode", [[], ["--mode", "lines"], ["--mode", "frames"]])
def test_a_program_that_is_being_written_is_waited_for(case, mode):
    program = copied_cat(case)
    if "frames" in mode:
        script = case.file("script", b"import fanfold\nfanfold.serve(lambda chunk, state: chunk)\n")
        shutil.copy(os.path.realpath("/usr/bin/python3"), program)
        mode = [*mode, "--", program, script]
    else:
        mode = [*mode, "--", program]
    with open(program, "r+b"):
        run = case.start("fanfold", "--retries", "1", "-N1", *mode, stdin=b"a\nb\n")
        run.wait_for_stderr(r"cannot_start error=.Text file busy")
    run.expect(0)
    assert run.output() == b"a\nb\n"


def test_a_script_with_the_line_ends_of_windows_is_told_of_them(case):
    script = case.file("script", b"#!/bin/sh\r\ncat\r\n")
    script.chmod(0o700)
    assert "ends with CR LF" in refusal(case, "--", script, status=126)


@pytest.mark.parametrize(("mode", "script"), [
    ([], "read x; [ $x = 0 ] && {unblock} || seq 100000 >&2 || exit 1; echo $x"),
    (["--mode", "lines"], "while read x; do [ $x = 0 ] && {{ echo 0; {unblock}; exit; }}; seq 100000 >&2 || exit 1; echo $x; done"),
])
def test_a_program_that_makes_its_stderr_non_blocking_spoils_it_for_itself_alone(case, mode, script):
    unblock = f"{sys.executable} -c 'import os; os.set_blocking(2, False)'"
    words = [*mode, "--retries", "1", "-N1", "-j1", "--", "sh", "-c", script.format(unblock=unblock)]
    run = case.run("fanfold", "--quiet", *words, stdin=b"0\n1\n")
    run.expect(0)
    assert run.output() == b"0\n1\n"
    assert "unavailable" not in run.stderr(), run.stderr()[-300:]


# ---- numbers ----


def test_chunks_are_numbered_from_1_each_once_and_slots_up_to_the_number_of_jobs(case):
    lines = b"".join(b"%d\n" % number for number in range(500))
    for jobs in (1, 3):
        run = case.run("fanfold", "-N2", f"-j{jobs}", "--", "echo", "{#}", "x{%}x", stdin=lines)
        run.expect(0)
        answers = [line.split() for line in run.output().decode().splitlines()]
        assert [int(number) for number, _ in answers] == list(range(1, 251)), answers
        slots = {slot for _, slot in answers}
        assert slots <= {f"x{slot}x" for slot in range(1, jobs + 1)}, slots
        assert jobs > 1 or slots == {"x1x"}, slots


def test_words_reach_the_program_as_they_are_given(case):
    words = ["", " ", "a  b", "'", '"', "\\", "$HOME", "*", "{}", "{ #}", "a\nb", "ä", "-n", "`x`"]
    script = "import sys, json; print(json.dumps(sys.argv[1:]))"
    run = case.run("fanfold", "--", sys.executable, "-c", script, *words, "{#}{%}", stdin=b"a\n")
    run.expect(0)
    assert json.loads(run.output()) == [*words, "11"], run.output()


def test_the_environment_says_what_the_chunk_is(case):
    script = 'cat >&2; echo "$FANFOLD_SEQ $FANFOLD_ATTEMPT $FANFOLD_SLOT $FANFOLD_RECORDS $FANFOLD_WORKER"'
    run = case.run("fanfold", "-N2", "-j1", "--", "sh", "-c", script, stdin=b"a\nb\nc\n", env={"FANFOLD_SEQ": "77"})
    run.expect(0)
    answers = [line.split() for line in run.output().decode().splitlines()]
    assert [answer[:4] for answer in answers] == [["0", "1", "1", "2"], ["1", "1", "1", "1"]], answers
    assert re.fullmatch("[0-9a-f]{32}", answers[0][4]) and answers[0][4] == answers[1][4], answers


def test_numbers_that_there_are_not_are_refused_with_the_reason(case):
    plugin = case.file("plugin.so", b"")
    for words, said in [
        (["--plugin", plugin, "--", "{#}"], "{#} has no number here: a plugin is prepared once"),
        (["--plugin", plugin, "--", "a{%}"], "{%} has no number here: a plugin is prepared once"),
        (["--mode", "lines", "--", "cat", "{#}"], "{#} has no number here: with --mode lines one process"),
        (["--mode", "frames", "--", "cat", "{#}"], "{#} has no number here: with --mode frames one process"),
        (["--mode", "frames", "--", "cat", "{%}"], "{%} has no number here: with --mode frames it is prepared once"),
        (["--", "cat{%}"], "{%} has no number here: the command is looked up once; --shell"),
    ]:
        assert refusal(case, *words).startswith(f"fanfold-worker: {said}"), words


def test_slots_are_numbered_for_programs_that_last_as_well(case):
    lines = b"a\nb\nc\nd\n"
    script = 'while read -r line; do echo "$line $1 $FANFOLD_SLOT"; done'
    words = ["--mode", "lines", "-N1", "-j2", "--", "sh", "-c", script, "sh", "{%}"]
    run = case.run("fanfold", *words, stdin=lines)
    run.expect(0)
    answers = [line.split() for line in run.output().decode().splitlines()]
    assert [answer[0] for answer in answers] == ["a", "b", "c", "d"], answers
    assert all(slot == same and slot in ("1", "2") for _, slot, same in answers), answers


# ---- a shell ----


def test_a_shell_runs_a_command_line(case):
    line = """tr a-z A-Z | sed 's/^/{#}: "/; s/$/"/'"""
    run = case.run("fanfold", "-N1", "--shell", "--", line, stdin=b"a b\nc\n")
    run.expect(0)
    assert run.output() == b'1: "A B"\n2: "C"\n', run.output()


def test_a_shell_is_what_the_variable_names_and_gets_the_words_joined_by_blanks(case):
    words = ["--shell", "--", "printf", "%s,", "a  b", "'c  d';", "echo", "${BASH##*/} $0"]
    run = case.run("fanfold", *words, stdin=b"x\n", env={"SHELL": shutil.which("bash")})
    run.expect(0)
    assert run.output() == f"a,b,c  d,bash {shutil.which('bash')}\n".encode(), run.output()
    run = case.run("fanfold", "--shell", "--", "echo $0", stdin=b"x\n", env={"SHELL": ""})
    run.expect(0)
    assert run.output() == b"/bin/sh\n", run.output()


def test_what_looks_like_a_command_line_is_told_of_the_option(case):
    said = refusal(case, "sort | uniq -c", status=127)
    assert said.endswith("say: --shell 'sort | uniq -c'"), said
    assert "--plugin" in refusal(case, "--shell", "--plugin", "x.so")


# ---- a directory, a niceness ----


def test_the_program_runs_in_a_directory_and_the_files_of_the_run_are_where_it_was_started(case):
    place = case.path("place")
    place.mkdir()
    (place / "suffix").write_text("!\n")
    (place / "filter").write_text('#!/bin/sh\nsed "s/$/$(cat suffix)/"; pwd\n')
    (place / "filter").chmod(0o755)
    case.file("in", b"a\n")
    for directory in (place, "place"):
        words = ["-i", "in", "-o", "out", "--workdir", directory, "--", "./filter"]
        case.run("fanfold", *words).expect(0)
        assert case.path("out").read_text() == f"a!\n{place.resolve()}\n"


def test_a_directory_that_is_not_there_is_one_error(case):
    gone, file = case.path("gone"), case.file("file", b"")
    for directory, reason in [(gone, "No such file or directory"), (file, "Not a directory")]:
        expected = f"fanfold-worker: --workdir: '{directory}': {reason}"
        assert refusal(case, "--workdir", directory, "--", "cat") == expected
        run = case.run("fanfold-worker", *case.endpoints(), "--workdir", directory, "--", "cat")
        assert run.status == 2 and run.stderr() == expected + "\n", run.stderr()


def test_the_program_is_nice_and_the_roles_are_not(case):
    script = "import os; print(os.nice(0), os.getpriority(os.PRIO_PROCESS, os.getppid()))"
    own = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = min(own + 5, 19)
    run = case.run("fanfold", "--nice", wanted, "--", sys.executable, "-c", script, stdin=b"a\n")
    run.expect(0)
    assert run.output() == b"%d %d\n" % (wanted, own), run.output()
    for bad in ("20", "-21", "high", "1.5", ""):
        assert refusal(case, f"--nice={bad}", "--", "cat").endswith(f"'{bad}': expected a niceness, from -20 to 19")


# ---- memory ----


def test_a_program_that_uses_too_much_memory_is_ended_and_the_failure_says_so(case):
    process = case.start("fanfold", "--memory", MEMORY, "--retries", 1, *EATING, stdin=b"!eat\n")
    process.expect(3)
    line = process.wait_for_stderr("^fanfold-ventilator: .*")[0]
    pattern = (
        r"^fanfold-ventilator: chunk 0 \(.*\) failed for good after 1 attempt: killed for its use of memory: "
        r'"used [0-9.]+ MiB of memory, --memory allows [0-9.]+ MiB"$'
    )
    assert re.match(pattern, line), line
    assert "\n    about to eat\n    used " in process.stderr(), process.stderr()


def test_an_attempt_that_used_too_much_memory_is_tried_again(case):
    lines = b"a\n!eat\nb\n"
    run = case.run("fanfold", "-N1", "-j2", "--memory", MEMORY, *EATING, stdin=lines, env={"FAILS": "1"})
    run.expect(0)
    assert run.output() == lines.upper(), run.output()


def test_the_record_that_uses_too_much_memory_is_found(case):
    lines = [b"line %d\n" % number for number in range(24)]
    lines[17] = b"!eat\n"
    words = ["-N12", "-j2", "--memory", MEMORY, "--retries", 1, "--on-error", "isolate", *EATING]
    run = case.run("fanfold", *words, stdin=b"".join(lines))
    assert run.status == 1, (run.status, run.stderr())
    assert run.output() == b"".join(lines[:17] + lines[18:]).upper(), run.output()
    letters = read_dead_letters(case.path("fanfold.dead-letters"))
    assert len(letters) == 1, letters
    ((record, about),) = letters
    assert record == b"!eat\n" and about["how"] == "used too much memory", about
    assert re.search(r"used [0-9.]+ MiB of memory, --memory allows [0-9.]+ MiB$", about["stderr"]), about


def test_what_left_the_group_of_its_program_is_charged_and_ended_too(case):
    hog = "cat /dev/zero | tail -c 400M"
    script = f'timeout 1000 setsid -w sh -c {shlex.quote(hog)} & wait'
    words = ["--memory", MEMORY, "--retries", 1, "--", "sh", "-c", script]
    process = case.start("fanfold", *words, stdin=b"a\n")
    process.expect(3)
    assert "--memory allows" in process.stderr(), process.stderr()
    case.assert_no_leftovers()


def test_a_program_that_lasts_is_replaced_when_it_uses_too_much_memory(case):
    script = EATER.replace('int(os.environ["FANFOLD_ATTEMPT"]) <= int(os.environ.get("FAILS", "9"))', "True")
    script = script.replace("sys.stdout.write(line.upper())", "print(line.upper(), end='', flush=True)")
    lines = [b"line %d\n" % number for number in range(12)]
    lines[7] = b"!eat\n"
    words = ["--memory", MEMORY, "-N4", "-j1", "--retries", 1, "--on-error", "isolate", "--mode", "lines"]
    run = case.run("fanfold", *words, "--", sys.executable, "-c", script, stdin=b"".join(lines))
    assert run.status == 1, (run.status, run.stderr())
    assert run.output() == b"".join(lines[:7] + lines[8:]).upper(), run.output()
    ((record, about),) = read_dead_letters(case.path("fanfold.dead-letters"))
    assert record == b"!eat\n" and about["how"] == "used too much memory", about


# Prepares 300 MiB, which its slots share.
PREPARED = """
import os, signal, fanfold

def prepare():
    with open(os.environ["NOTES"], "a") as notes:
        print("prepared", os.getcwd(), os.nice(0), os.environ.get("FANFOLD_SLOT"), file=notes)
    return bytearray(b"x") * (300 << 20)

def process(chunk, prepared):
    if b"!eat" in chunk:
        eaten = b"x" * (300 << 20)
        signal.pause()
    if b"!write" in chunk:
        for at in range(0, len(prepared), 4096):
            prepared[at] = 1
        signal.pause()
    if b"!tell" in chunk:
        return f"{os.getcwd()} {os.nice(0)} {os.environ['FANFOLD_SLOT']}\\n".encode()
    return chunk.upper()

fanfold.serve(process, prepare)
"""


def test_slots_that_are_forked_are_charged_for_their_share_and_replaced_without_preparing(case):
    lines = [b"line %d\n" % number for number in range(40)]
    lines[7], lines[20] = b"!eat\n", b"!write\n"
    env = {"NOTES": str(case.path("notes"))}
    words = ["--memory", "200M", "-N1", "-j4", "--retries", 1, "--on-error", "skip", "--mode", "frames"]
    run = case.run("fanfold", *words, "--", sys.executable, "-c", PREPARED, stdin=b"".join(lines), env=env)
    assert run.status == 1, (run.status, run.stderr())
    good = [line for line in lines if not line.startswith(b"!")]
    assert run.output() == b"".join(good).upper(), run.output()
    letters = read_dead_letters(case.path("fanfold.dead-letters"))
    assert [record for record, _ in letters] == [b"!eat\n", b"!write\n"], letters
    for record, about in letters:
        assert about["how"] == "used too much memory", (record, about)
    assert case.path("notes").read_text().count("prepared") == 1


def test_programs_that_last_run_in_the_directory_and_are_nice_and_no_slot_prepares(case):
    place = case.path("place")
    place.mkdir()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    where = f"{place.resolve()} {min(own + 5, 19)}"
    for options, slot in [([], "None"), (["--prepare-each"], "1")]:
        notes = case.path(f"notes{slot}")
        words = ["--workdir", place, "--nice", min(own + 5, 19), "-j1", "--mode", "frames", *options]
        words += ["--", sys.executable, "-c", PREPARED]
        run = case.run("fanfold", *words, stdin=b"!tell\n", env={"NOTES": str(notes)})
        run.expect(0)
        assert run.output() == f"{where} 1\n".encode(), run.output()
        assert notes.read_text() == f"prepared {where} {slot}\n", notes.read_text()


def test_a_demand_that_is_far_above_the_limit_is_refused_at_once(case):
    script = "x = b'x' * (3 << 30)"
    words = ["--memory", MEMORY, "--retries", 1, "--", sys.executable, "-c", script]
    run = case.run("fanfold", *words, stdin=b"a\n")
    assert run.status == 3 and "MemoryError" in run.stderr(), run.stderr()


def test_a_size_of_memory_is_checked(case):
    for bad in ("0", "", "lots", "-1"):
        assert f"--memory: '{bad}': expected a size" in refusal(case, f"--memory={bad}", "--", "cat")


# ---- C++ ----


def compile_lexicon(case, compiler):
    plugin = case.path(f"{Path(compiler).name}.so")
    source = ROOT / "tests/pipeline/lexicon.cpp"
    options = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", f"-I{ROOT / 'worker'}"]
    subprocess.run([compiler, *options, "-o", plugin, source], check=True)
    return plugin


def test_plugins_may_be_written_in_cplusplus(case):
    compilers = [path for name in ("g++", "clang++") if (path := shutil.which(name))]
    if not compilers:
        case.skip("no C++ compiler")
    case.file("words", b"to be or not\n")
    text = b"to be\nor not to be\n\nthat is\n"
    for compiler in compilers:
        plugin = compile_lexicon(case, compiler)
        words = ["-N1", "-j2", "--retries", 1, "--on-error", "isolate", "--memory", MEMORY]
        words += ["--dead-letters", plugin.with_suffix(".letters"), "--plugin", plugin, "--", "words"]
        run = case.run("fanfold", *words, stdin=text + b"!throw\nbe\n!eat\nto\n")
        assert run.status == 1, (run.status, run.stderr())
        assert run.output() == b"1 2\n3 4 1 2\n\n? ?\n2\n1\n", run.output()
        letters = dict(read_dead_letters(plugin.with_suffix(".letters")))
        assert letters[b"!throw\n"]["stderr"] == "this line is bad", letters
        assert letters[b"!eat\n"]["how"] == "used too much memory", letters


def test_a_plugin_works_in_the_directory_and_is_found_where_the_run_was_started(case):
    compilers = [path for name in ("g++", "clang++") if (path := shutil.which(name))]
    if not compilers:
        case.skip("no C++ compiler")
    plugin = compile_lexicon(case, compilers[0])
    case.path("place").mkdir()
    (case.path("place") / "words").write_text("a b")
    words = ["--workdir", "place", "--plugin", plugin.name, "--", "words"]
    run = case.run("fanfold", *words, stdin=b"b a\n")
    run.expect(0)
    assert run.output() == b"2 1\n", run.output()
