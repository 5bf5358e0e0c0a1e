# SPDX-License-Identifier: MIT
"""CONNECTOR/1 between a connector and the driver that plays fanfold: the helper in Python, and a connector in Perl."""

import ast
import random
import re
import signal
import subprocess

import pytest
from connector_driver import Drain, Feeder, drain_with_kills, feed_with_kills
from harness import ROOT, option, program_path

PYTHON = "/usr/bin/python3"
SDK = ROOT / "worker/sdk"
MODULE = SDK / "fanfold/connector/__init__.py"
PERL = ROOT / "tests/pipeline/file_connector.pl"
KILLS = 10


def examples():
    """The two connectors of the module's own text."""
    text = ast.get_docstring(ast.parse(MODULE.read_text(encoding="utf-8")))
    blocks = [block for block in re.findall(r"(?:^(?:    .*)?\n)+", text, re.M) if "import" in block]
    assert len(blocks) == 2
    return [re.sub(r"^    ", "", block, flags=re.M) for block in blocks]


def python(case, body):
    """The command of a connector with this body."""
    case.env["PYTHONPATH"] = str(SDK)
    body = body if "import connector" in body else "from fanfold import connector\n" + body
    return [PYTHON, "-B", case.file("connector.py", body.encode())]


def feeder(case, language):
    if language == "perl":
        return Feeder(case, [PERL, "in", "log"])
    return Feeder(case, python(case, examples()[0]))


def drain(case, language, records):
    if language == "perl":
        return Drain(case, [PERL, "out", "."], records), case.path("5f0c")
    return Drain(case, python(case, examples()[1]), records), case.path("5f0c.log")


def test_the_manual_has_the_module_s_examples():
    page = (ROOT / "deploy/man/fanfold-connectors.7").read_text(encoding="utf-8")
    shown = re.findall(r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$", page, re.M | re.S)
    assert [text.replace("\\e", "\\").strip() for text in shown] == [text.strip() for text in examples()]


@pytest.mark.parametrize("name", ["redis", "postgresql", "rabbitmq", "kafka"])
def test_the_manual_has_the_options_that_help_has(case, name):
    page = (ROOT / "deploy/man/fanfold-connectors.7").read_text(encoding="utf-8")
    common = page.partition(".Sh COMMON")[2].partition(".Sh REDIS")[0]
    section = page.partition(f".Sh {name.upper()}\n")[2].partition("\n.Sh ")[0]
    manual = set(re.findall(r"\.?Fl -([a-z-]+)", section + common))
    told = set()
    for way in ("in", "out"):
        run = case.run(f"fanfold-{name}", way, "--help")
        run.expect(0)
        told |= set(re.findall(rb"--([a-z-]+)", run.output()))
    told = {option.decode() for option in told} - {"help"}
    assert told - manual == set(), "not in the manual"
    other = {"password-file"} if name == "kafka" else set()
    assert manual - told - other == set(), "not in --help"


def test_a_library_that_is_missing_is_told_with_its_package(case):
    for name, module, package in [
        ("redis", "redis", "python3-redis"),
        ("postgresql", "psycopg2", "python3-psycopg2"),
        ("rabbitmq", "pika", "python3-pika"),
        ("kafka", "confluent_kafka", "python3-confluent-kafka"),
    ]:
        # Without site-packages there is no library.
        key = ["--key", "id"] if name == "postgresql" else []
        run = case.run(PYTHON, "-S", program_path(f"fanfold-{name}"), "in", *key, "some", stdin=b"start -\n")
        assert run.status == 2
        assert run.stderr() == f"fanfold-{name}: this needs the Python module {module}: install Debian's package {package}\n"


LINES = [b"line %d %s" % (number, b"x" * (number % 300)) for number in range(5000)]
TEXT = b"".join(line + b"\n" for line in LINES)


def some_lines(language):
    """The one in Perl syncs each by itself."""
    return LINES if language == "python" else LINES[:500]


LANGUAGES = pytest.mark.parametrize("language", ["python", "perl"])


@LANGUAGES
def test_an_input_is_there_once_though_connector_and_fanfold_are_killed(case, language):
    case.file("log", TEXT)
    feed = feeder(case, language)
    feed_with_kills(feed, len(LINES), random.Random(1), option("kills", KILLS))
    assert feed.contents() == LINES


@LANGUAGES
def test_an_input_that_is_over_is_acknowledged_to_its_end(case, language):
    case.file("log", TEXT)
    feed = feeder(case, language)
    feed.start()
    feed.read_to_the_end()
    feed.finish()
    assert feed.contents() == LINES
    if language == "perl":
        assert case.path("log.committed").read_text() == str(len(TEXT))
    else:
        assert feed.process.stderr().endswith(f"safe {len(TEXT)}\n")


@LANGUAGES
def test_an_output_is_there_once_though_connector_and_fanfold_are_killed(case, language):
    lines = some_lines(language)
    out, path = drain(case, language, lines)
    drain_with_kills(out, random.Random(2), option("kills", KILLS))
    assert path.read_bytes().splitlines() == lines


@LANGUAGES
def test_what_is_told_to_be_stored_is_there_at_every_kill(case, language):
    lines = some_lines(language)
    out, path = drain(case, language, lines)
    chance = random.Random(3)
    for number in range(KILLS):
        out.start()
        out.send(out.sent + chance.randrange(len(lines) // 20))
        out.await_stored(chance.randint(out.stored, out.sent))
        out.kill()
        assert path.read_bytes().count(b"\n") >= out.stored, number
    out.start()
    out.finish()
    assert path.read_bytes().splitlines() == lines


COUNTER = """
import os
class Counter(connector.Input):
    last = 0
    def open(self, start):
        self.next = int(start or 0) + 1
        print("open", self.next)
    def read(self, wait_s):
        {read}
        self.next += 1
        return [(str(self.next - 1), b"%d" % (self.next - 1))]
    def commit(self, cursor):
        {commit}
        print("safe", cursor)
    def tend(self):
        print("tended")
    def close(self):
        print("closed")
connector.run_input(Counter())
"""


def counter(case, read="pass", commit="pass"):
    return Feeder(case, python(case, COUNTER.format(read=read, commit=commit)))


def test_a_server_that_is_lost_costs_and_doubles_nothing(case):
    lose = 'if self.next % 7 == 0 and not os.path.exists(f"lost-{self.next}"): open(f"lost-{self.next}", "w"); raise connector.Lost("away")'
    feed = counter(case, read=lose)
    feed.start()
    feed.take(50)
    feed.finish()
    assert feed.contents() == [b"%d" % number for number in range(1, len(feed.records) + 1)]
    assert "connector.py: lost: away\nclosed\nopen 7\n" in feed.process.stderr()


def test_an_acknowledgement_that_a_lost_server_swallows_is_made_up_for(case):
    lose = 'if not os.path.exists("lost"): open("lost", "w"); raise connector.Lost("away")'
    feed = counter(case, read='if self.next > 5: return None', commit=lose)
    feed.start()
    feed.read_to_the_end()
    feed.finish()
    assert feed.process.stderr().count("safe 5\n") == 1


def test_a_server_that_stays_away_ends_the_connector_with_a_sentence(case):
    body = """
class Away(connector.Input):
    def open(self, start): raise connector.Lost("nobody listens at nowhere:1")
connector.run_input(Away(), patience_s=0.3)
"""
    run = case.start(*python(case, body), stdin=subprocess.PIPE)
    run.stdin.write(b"start -\n")
    run.stdin.flush()
    run.expect(4)
    assert run.stderr().splitlines() == [
        "connector.py: waiting: nobody listens at nowhere:1",
        "connector.py: gave up after 0.3 s: nobody listens at nowhere:1",
    ]


def test_a_connector_that_fanfold_takes_nothing_from_hears_of_commits_and_is_tended(case):
    feed = counter(case)
    feed.start()
    feed.take(10)
    feed.process.wait_for_stderr("^tended$")  # the pipe is full by then
    feed.commit(5)
    feed.flush()
    feed.process.wait_for_stderr("^safe 5$")
    feed.finish()


def test_records_without_a_cursor_come_with_the_next_one_or_not_at_all(case):
    body = """
import os, signal
class Groups(connector.Input):
    def open(self, start):
        self.next = int(start or 0) + 1
    def read(self, wait_s):
        number, self.next = self.next, self.next + 1
        if number == 3 and not os.path.exists("lost"):
            open("lost", "w")
            self.lose = True
            return [(None, b"3a")]
        if getattr(self, "lose", False):
            self.lose = False
            raise connector.Lost("away")
        return [(None, b"%da" % number), (None, b""), (str(number), b"%db" % number)]
connector.run_input(Groups())
"""
    feed = Feeder(case, python(case, body))
    feed.start()
    feed.take(30)
    feed.finish()
    expected = [part for number in range(1, 1000) for part in (b"%da" % number, b"", b"%db" % number)]
    assert feed.contents() == expected[: len(feed.records)]


@pytest.mark.parametrize("cursor", ["", "a b", "-", "x" * 121, "\u00e9", "a\n"])
def test_a_cursor_that_cannot_travel_is_refused(case, cursor):
    body = f"""
class Wrong(connector.Input):
    def open(self, start): pass
    def read(self, wait_s): return [({cursor!r}, b"record")]
connector.run_input(Wrong())
"""
    feed = Feeder(case, python(case, body))
    feed.spawn()
    feed.group, feed.head = [], None
    feed.say("start -")
    feed.flush()
    feed.process.expect(1)
    assert "ValueError: a cursor is 1 to 120 printable characters" in feed.process.stderr()
    feed.close()


BROKEN = """
import os
class Broken(connector.Output):
    def open(self, run, number):
        with open("stored", "ab") as file: pass
        return os.path.getsize("stored")
    def store(self, number, records):
        assert number == os.path.getsize("stored")
        part = records[: len(records) // 2]
        with open("stored", "ab") as file: file.write(b"x" * len(part))
        if len(records) > 1: raise connector.Lost("cut")
        with open("stored", "ab") as file: file.write(b"x")
connector.run_output(Broken())
"""


def test_a_batch_that_a_lost_server_took_half_of_is_stored_once(case):
    out = Drain(case, python(case, BROKEN), [b"%d" % number for number in range(20)])
    out.start()
    out.finish()
    assert case.path("stored").read_bytes() == b"x" * 20


def test_fanfold_that_speaks_otherwise_is_told(case):
    command = python(case, examples()[1])
    for said, sentence in [
        (b"start -\n", "fanfold began with 'start -', not with run"),
        (b"run 5f0c 0\n7 1\nx", "fanfold sent record 7, where record 0 was next"),
        (b"run 5f0c 0\n0 100\nx", "fanfold ended in the middle of a record"),
        (b"run 5f0c 0\nhello\n", "which is not of CONNECTOR/1"),
    ]:
        run = case.run(*command, stdin=said)
        assert run.status == 4 and sentence in run.stderr(), run.stderr()


def test_a_connector_is_not_interrupted_from_the_terminal(case):
    feed = counter(case)
    feed.start()
    feed.take(1)
    feed.process.signal(signal.SIGINT)
    feed.take(len(feed.records) + 100)
    feed.finish()


def test_the_module_is_typed_throughout_and_for_python_3_9():
    text = MODULE.read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 9))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.returns is not None, f"{node.name} does not say what it returns"
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            untyped = [argument.arg for argument in arguments if argument.arg != "self" and argument.annotation is None]
            assert not untyped, f"{node.name} has no type for {', '.join(untyped)}"


def test_a_command_of_exec_finds_the_module(case):
    """The two connectors of its text, from a log to a log, with a PYTHONPATH of the user's own, and none."""
    source, target = examples()
    for name, text in (("source.py", source), ("target.py", target)):
        case.file(name, f"#!{PYTHON} -B\n{text}".encode()).chmod(0o755)
    lines = b"".join(b"line %d\n" % number for number in range(1000))
    case.file("log", lines)
    case.env.pop("PYTHONPATH", None)
    for number, own in enumerate(({}, {"PYTHONPATH": str(case.directory)})):
        words = ["-i", "exec:./source.py", "-o", "exec:./target.py", "--spool-out", f"spool-{number}"]
        case.run("fanfold", *words, "-j2", "-N", "100", "--", "cat", env=own).expect(0)
    logs = [path.read_bytes() for path in case.directory.glob("*.log")]
    assert logs == [lines, lines]
