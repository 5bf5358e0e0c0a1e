# SPDX-License-Identifier: MIT
"""Command lines: wrong ones and what they are told, --help, GNU parallel's."""

import re

import pytest
from endings import LINES, ends, expect

PROGRAMS = ["fanfold", "fanfold-ventilator", "fanfold-worker", "fanfold-sink"]


def test_a_command_that_is_not_there(case):
    ends(case, ["--", "no-such-command"], 127, "^fanfold-worker: no-such-command: command not found$")
    ends(case, ["--", "./nor", "this"], 127, r"^fanfold-worker: \./nor: ")


def test_a_command_line_in_one_word_names_the_shell(case):
    for line in ("wc -l | sort", "sort|uniq"):
        pattern = "^fanfold-worker: " + re.escape(f"{line}: ") + ".*" + re.escape(f"--shell '{line}'") + "$"
        ends(case, ["--", line], 127, pattern)


def test_a_command_that_is_no_program(case):
    path = case.file("text", b"no program")
    ends(case, ["--", path], 126, f"^fanfold-worker: {path}: ")
    ends(case, ["--", case.tmp], 126, f"^fanfold-worker: {case.tmp}: ")


def test_inputs_of_which_only_the_first_has_its_option(case):
    """As the shell makes them of -i *.csv."""
    for name in ("a.csv", "b.csv"):
        case.file(name, LINES)
    hint = "; if that file is an input, give each input its own -i: -i A -i B$"
    ends(case, ["-i", "a.csv", "b.csv", "--", "cat"], 127, rf"^fanfold-worker: b\.csv: command not found{hint}")
    ends(case, ["-i", "./a.csv", "./b.csv", "cat"], 126, rf"^fanfold-worker: \./b\.csv: cannot .* denied{hint}")


def test_options_that_are_wrong(case):
    ends(case, ["--block", "0", "--", "cat"], 2, r"^fanfold.*: --block: '0': expected a size")
    ends(case, ["-j", "0", "--", "cat"], 2, r"^fanfold.*: -j: '0': expected a number of slots")
    ends(case, ["--hwm", "x", "-i", "pull:ipc://in", "--", "cat"], 2, "^fanfold: --hwm: 'x': expected a number from 1 to 1000000")
    ends(case, ["--liveness", "soon", "--", "cat"], 2, "^fanfold: --liveness: 'soon': expected")
    ends(case, ["--patience", "0", "--", "cat"], 2, "^fanfold: --patience: '0': expected a duration above 0")
    ends(case, ["-j", "half", "--", "cat"], 2, "^fanfold-worker: -j: 'half': expected a number of slots")
    ends(case, ["--blok", "1", "--", "cat"], 2, "^fanfold: unrecognized option '--blok'", "^Try .* --help")
    ends(case, [], 2, "^fanfold: no command")


@pytest.mark.parametrize("words", [["-S", "node1"], ["--sshloginfile", "hosts"]])
def test_workers_come_by_ssh_or_by_slurm(case, words):
    run = case.run("fanfold", "--slurm", "2", *words, "--", "cat", stdin=b"")
    run.expect(2)
    assert run.stderr() == "fanfold: --slurm: expected no -S beside it\n"


@pytest.mark.parametrize("words", [["--slurm-options", "--time 1"], ["--slurm-options", "-c2 -t 00:05:00", "--drain-before", "4m"]])
def test_jobs_of_slurm_are_given_time_to_work_in(case, words):
    run = case.run("fanfold", "--slurm", "0..2", *words, "--", "cat", stdin=b"")
    run.expect(2)
    assert re.search(r"^fanfold: --slurm-options: --time gives a job \d+ s, .*--drain-before.*: expected a longer --time", run.stderr()), run.stderr()
    assert run.stderr().count("\n") == 1


@pytest.mark.parametrize(
    "words, needs",
    [
        (["--copy-self"], "-S"),
        (["--ssh", "ssh -4"], "-S"),
        (["--remote-bin", "/opt"], "-S"),
        (["--transfer-file", "a"], "-S"),
        (["--tunnel", "--slurm", "2"], "-S"),
        (["--interface", "lo"], "a --tasks that other hosts reach"),
        (["--drain-before", "5"], "--slurm"),
    ],
)
def test_an_option_that_means_nothing_without_another_is_refused(case, words, needs):
    run = case.run("fanfold", *words, "--", "cat", stdin=b"")
    run.expect(2)
    assert re.fullmatch(rf"fanfold: {words[0]} needs {needs}.*\n", run.stderr()), run.stderr()


def test_a_wait_of_messages_is_refused_for_files(case):
    case.file("in", LINES)
    ends(case, ["-i", "in", "--linger", "5ms", "--", "cat"], 2, "^fanfold-ventilator: --linger is for inputs that are messages, ")


def test_endpoints_that_are_wrong(case):
    tcp = ["--insecure", "--tasks", "tcp://localhost:25557"]
    ends(case, ["--tasks", "gopher://h", "--", "cat"], 2, r"^fanfold: 'gopher://h': expected ipc://PATH or tcp://HOST:PORT")
    ends(case, ["--insecure", "--keys", ".", "--", "cat"], 2, "^fanfold: --keys: expected no --insecure beside it")
    said = r"^fanfold-ventilator: cannot bind tcp://localhost:25557: expected an address of this host, .*\*"
    ventilator = case.start("fanfold-ventilator", *tcp)
    expect(case, ventilator, 2, said)
    sink = case.start("fanfold-sink", "--insecure", *case.endpoints()[:2], "--results", "tcp://localhost:25557")
    sink.wait()
    assert "expected an address of this host" in sink.stderr(), sink.stderr()


def test_what_gnu_parallel_needs_is_accepted(case):
    run = ends(case, ["--quiet", "--pipe", "-k", "-N10", "cat"], 0)
    assert run.output() == LINES


@pytest.mark.parametrize(
    "words, answer",
    [
        (["--tag"], "--tag is GNU parallel's: write --shell 'COMMAND | sed"),
        (["-u"], "--ungroup is GNU parallel's: write --unordered"),
        (["--lb"], "--ungroup is GNU parallel's: write --unordered"),
        (["--csv"], "--csv is GNU parallel's: write --format=csv"),
        (["-d,"], "--delimiter is GNU parallel's: write --recend=TEXT"),
        (["-d", ","], "--delimiter is GNU parallel's: write --recend=TEXT"),
        (["-n", "3"], "--max-args is GNU parallel's: write -N RECORDS"),
        (["--return", "x"], "--return is GNU parallel's: "),
        (["--tagstring=x"], "--tagstring is GNU parallel's: write --shell"),
        (["-X"], "--xargs is GNU parallel's: a command gets its chunk as standard input"),
    ],
)
def test_what_gnu_parallel_has_and_fanfold_has_not_is_answered(case, words, answer):
    ends(case, [*words, "--", "cat"], 2, f"^fanfold: {re.escape(answer)}.* \\(see fanfold-parallel\\(7\\)\\)$")


def test_header_out_takes_a_colon_as_header_does(case):
    case.file("in", b"a\n1\n2\n")
    run = ends(case, ["--quiet", "-i", "in", "-N1", "--header", ":", "--header-out", ":", "--", "cat"], 0)
    assert run.output() == b"a\n1\n2\n"


def test_help_and_version(case):
    for program in PROGRAMS:
        for word, expected in [("--help", rf"^Usage: {program} "), ("--version", rf"^{program} \d+\.\d+\.\d+\n$")]:
            run = case.start(program, word)
            expect(case, run, 0)
            assert re.match(expected, run.output().decode()), run.output()
        assert "--supervised" not in case.run(program, "--help").output().decode()


def test_csv_whose_records_lines_tear_is_told_of_its_format(case):
    """Where the run fails for it as well; never where an option says what a record is."""
    rows = b'id,text\n' + b"".join(b'%d,"one\ntwo"\n' % number for number in range(50))
    case.file("rows.csv", rows)
    hint = "^fanfold-ventilator: hint: there are line ends within quotes, as in csv: --format csv keeps each of these records whole$"
    words = ["-i", "rows.csv", "-N3"]
    ends(case, [*words, "--", "cat"], 0, r"^fanfold-ventilator: .* 34 chunks", hint)
    ends(case, [*words, "--header", "1", "--retries", "1", "--", "sh", "-c", "exit 3"], 3, "^fanfold-sink: hint: .*--on-error isolate", hint, "^fanfold-ventilator: chunk ")
    ends(case, [*words, "--quiet", "--", "cat"], 0)
    for options in (["--format", "csv"], ["--format", "lines"], ["-L2"]):
        ends(case, [*words, *options, "--", "cat"], 0, r"^fanfold-ventilator: .* \d+ chunks")


def test_a_colon_is_one_line_of_header_in_results_too(case):
    """As --header has it; anything else is refused with what is expected."""
    rows = case.file("rows", b"name,n\n" + b"".join(b"a,%d\n" % number for number in range(20)))
    run = case.run("fanfold", "--header", ":", "--header-out", ":", "-N5", "-i", rows, "--", "cat")
    run.expect(0)
    case.assert_same(run.stdout, rows)
    ends(case, ["--header-out", "one", "--", "cat"], 2, "--header-out: 'one': expected a number of lines, or : for one$")
