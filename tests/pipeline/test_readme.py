# SPDX-License-Identifier: MIT
"""The recipes of the README and of the manuals run as they are printed.

A recipe is a fence of sh in README.md, or a literal display in one of MANUALS, with the title
above it. A screen is a fence of console: its commands print what stands below them.
"""

import contextlib
import gzip
import os
import random
import re
import shutil
import signal
from pathlib import Path

import pytest
from harness import ROOT, build_directory
from servers import may_make_a_network, own_network

MANUALS = ("fanfold-recipes", "fanfold-faq", "fanfold-scale")
LEAST = {"README.md": 7, "fanfold-recipes": 33, "fanfold-faq": 2, "fanfold-scale": 3}  # recipes that each has
IN_README = re.compile(r"^(?:\*\*(?P<bold>[^*]+?)[.,]?\*\*|#+ (?P<heading>[^\n]+)$)|^```sh\n(?P<text>.*?)^```", re.M | re.S)
IN_MANUAL = re.compile(
    r"^\.S[hs] (?P<heading>[^\n]+)$|^\.Bd -literal -offset indent\n(?P<text>.*?)^\.Ed$", re.M | re.S
)
SCREEN = re.compile(r"^```console\n(.*?)^```", re.M | re.S)
COMMAND = re.compile(r"^\$ (.*\n)", re.M)
MDOC = {r"\e": "\\", r"\-": "-", r"\&": "", r"\(aq": "'"}
# How long it took is another time at each run.
TIMES = re.compile(rb"in [0-9.]+ s \([^)]*\)")


def as_printed(text):
    """A display of a manual, without the escapes of mdoc."""

    def plain(escape):
        assert escape[0] in MDOC, f"{escape[0]} in a display: tell this test what it prints"
        return MDOC[escape[0]]

    assert not re.search(r"^\.", text, re.M), f"a macro in a display: {text}"
    return re.sub(r"\\(?:\(..|.)", plain, text)


def titled(pattern, document):
    """(title, text) of each recipe; the title is the last one above it."""
    title = None
    for found in pattern.finditer(document):
        named = found.groupdict()
        if named["text"] is None:
            title = named.get("bold") or named["heading"]
        else:
            yield title, named["text"]


def recipes():
    """{(document, title): commands}"""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = {("README.md", title): text for title, text in titled(IN_README, readme)}
    for name in MANUALS:
        page = (ROOT / f"deploy/man/{name}.7").read_text(encoding="utf-8")
        found.update({(name, title): as_printed(text) for title, text in titled(IN_MANUAL, page)})
    for document, least in LEAST.items():
        count = sum(of == document for of, _ in found)
        assert count >= least, f"{document} has {count} recipes, not {least}: did two get one title?"
    return found


def sample_files(case):
    """The files that the recipes speak of."""
    chance = random.Random(1)
    codes = ["200"] * 9 + ["500"]
    log = "".join(
        f"10.0.0.{chance.randrange(256)} GET /{n} {chance.choice(codes)} {chance.randrange(1000)}\n"
        for n in range(100000)
    ).encode()
    case.file("access.log", log)
    case.file("access.log.gz", gzip.compress(log, 1))
    corpus = case.text(4 << 20).read_bytes()
    case.file("corpus.txt", corpus)
    sizes = "".join(f"name{n},{chance.randrange(1000)}\n" for n in range(100000))
    case.file("sizes.csv", b"name,size\n" + sizes.encode())
    words = sorted({word for word in re.findall(rb"[a-z]{7,}", corpus[:200000])})
    case.file("names.txt", b"".join(word + b"\n" for word in words[:50]))
    reads = "".join(f"@r{n}\n{'ACGT' * chance.randrange(1, 30)}\n+\n{'I' * 9}\n" for n in range(5000))
    case.file("reads.fastq", reads.encode())


# What a single process makes of the same input: {a file that a recipe writes: command}.
ALONE = {
    "slow.log": "awk '$NF > 900' access.log",
    "errors.log": "grep ' 500 ' access.log",
    "paths.txt": "grep ' 500 ' access.log | cut -d ' ' -f 3",
    "sorted.txt": "LC_ALL=C sort corpus.txt",
    "loud.txt": "sed 's/$/!/' names.txt",
    "lengths.txt": "awk 'NR % 4 == 2 { print length($0) }' reads.fastq",
    "hits.txt": "grep -F -f names.txt corpus.txt",
    "out.txt": "tr a-z A-Z < corpus.txt",
    "upper.txt": "tr a-z A-Z < corpus.txt",
    "good.txt": """awk '$3 != "/777" { print $NF }' access.log""",
    "whole.txt": "awk '{ print $NF }' access.log",
    "known.txt": "awk 'NR == FNR { n[$0]; next } { for (i = 1; i <= NF; i++) if ($i in n) { print; next } }' "
    "names.txt corpus.txt",
    "slow.txt": "awk '$NF > 900' access.log",
    "sizes.txt": "sed 8d names.txt | while read -r name; do echo $((${#name} + 1)); done",
    "large.csv": "awk -F, 'NR == 1 || $2 > 900' sizes.csv",
    "lines.txt": "wc -l < corpus.txt",
    "counts.txt": 'for name in corpus.txt names.txt access.log; do echo "$name $(wc -l < $name)"; done',
}
# The same, of what a recipe prints: {a part of the recipe: command}.
PRINTED = {
    "| head -n 3": "sed -n 's/[0-9]*\\.[0-9]*$/x/; 1,3p' access.log",
    "| sort -rn | head": "tr -cs A-Za-z '\\n' < corpus.txt | sort | uniq -c | awk '{ print $1, $2 }' | sort -rn | head",
    "sha256sum)": 'while read -r n; do printf "%s %s\\n" "$n" "$(printf %s "$n" | sha256sum)"; done < names.txt',
    "cat good.txt.dead-letters/": "sed -n 778p access.log",
}


def expect(case, recipe, printed):
    """What came of it is what a single process makes of it; at least one thing is compared."""
    compared = 0
    for name, command in ALONE.items():
        if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", recipe):
            alone = case.shell(command)
            assert alone.output(), f"{name}: nothing to compare with"
            case.assert_same(case.path(name), alone.stdout)
            compared += 1
    for part, command in PRINTED.items():
        if part in recipe:
            assert printed == case.shell(command).output(), printed[:400]
            compared += 1
    return compared


def expect_letters(case, recipe):
    """What is not in the output is in the dead letters, and nothing else is."""
    compared = 0
    if "--resume" in recipe:
        assert not case.path("upper.txt.fanfold").exists(), "a complete run keeps its journal"
    if "rest.txt" in recipe:
        alone = case.shell("awk '{ print $NF }' access.log | sort")
        both = case.shell("cat times.txt rest.txt | sort")
        assert both.output() == alone.output()
        assert 0 < len(case.path("rest.txt").read_bytes()) < 1 << 19
        compared += 1
    letters = sorted(path.name for path in case.directory.glob("*.dead-letters/*"))
    if "--halt" in recipe:
        assert len(letters) >= 6, letters
        compared += 1
    elif "--on-error" in recipe:
        assert letters == ["000001.input", "000001.json"], letters
    return compared


def expect_files(case, recipe):
    """Results that no single process writes in the same bytes."""
    compared = 0
    if "access.log.new.gz" in recipe:
        case.assert_same(case.shell("gzip -dc access.log.new.gz").stdout, case.path("access.log"))
        compared += 1
    if "mosquitto_sub" in recipe:
        case.assert_same(case.shell("sed 's/$/!/' sensors.txt").stdout, case.path("results.txt"))
        compared += 1
    if "> sums" in recipe:
        alone = case.shell("sha256sum ./*.txt | sort")
        assert case.shell("sort sums").output() == alone.output()
        compared += 1
    return compared


@contextlib.contextmanager
def services_of(case, recipe):
    """What listens on this host where the recipe says so: in a network of its own, at the ports that are printed."""
    needed = [serve for word, serve in (("mosquitto_sub", message_broker), ("http://localhost", web_server)) if word in recipe]
    if not needed:
        yield
        return
    if not may_make_a_network():
        case.skip("the ports that a recipe prints take a network namespace, which is not permitted")
    with own_network(), contextlib.ExitStack() as stack:
        for serve in needed:
            stack.enter_context(serve(case))
        yield


@contextlib.contextmanager
def message_broker(case):
    """mosquitto, where 1000 messages wait in the session of the recipe; what it publishes becomes results.txt."""
    broker = shutil.which("mosquitto", path=f"{os.defpath}:/usr/sbin")
    if not broker or not shutil.which("mosquitto_sub"):
        case.skip("no mosquitto, mosquitto_sub here: deploy/dependencies test installs it")
    config = case.file("mosquitto.conf", b"listener 1883 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    server = case.start(broker, "-c", config)
    begin = ["mosquitto_sub", "-c", "-i", "fanfold", "-q", "1", "-t", "sensors", "-E"]
    case.wait_for(lambda: case.run(*begin).status == 0, "the broker to answer")
    case.run("mosquitto_sub", "-c", "-i", "reader", "-q", "1", "-t", "results", "-E").expect(0)
    sensors = case.file("sensors.txt", b"".join(b"reading %d\n" % number for number in range(1000)))
    case.run("mosquitto_pub", "-q", "1", "-t", "sensors", "-l", stdin=sensors).expect(0)
    yield
    case.run("mosquitto_sub", "-c", "-i", "reader", "-q", "1", "-t", "results", "-C", "1000", stdout=case.path("results.txt")).expect(0)
    server.signal(signal.SIGTERM)
    server.wait()


@contextlib.contextmanager
def web_server(case):
    if not shutil.which("curl"):
        case.skip("no curl here: deploy/dependencies test installs it")
    server = case.start("/usr/bin/python3", "-B", Path(__file__).with_name("web_server.py"), "8000")
    server.wait_for_stderr("^listening")
    yield
    server.signal(signal.SIGTERM)
    server.wait()


def run_as_printed(case, script):
    return case.shell(
        # The system's Python, though another may come first otherwise.
        f"PATH=${{PATH/:/:/usr/bin:}}\n{script}",
        env={"EXAMPLES": str(build_directory() / "worker/examples")},
    )


def recipes_once():
    """A recipe of the README is in a manual as well, in the same words: it runs once."""
    once = {text: place for place, text in reversed(recipes().items())}
    for text, (document, title) in reversed(once.items()):
        yield pytest.param(text, id=re.sub(r"\W+", "_", f"{title} of {document}").lower())


@pytest.mark.parametrize("text", recipes_once())
def test_a_recipe_runs_as_it_is_printed(case, text):
    sample_files(case)
    with services_of(case, text):
        run = run_as_printed(case, text)
    # A recipe that ends with head closes the pipe: the status of such a pipeline is 141.
    assert run.status in ((0, 141) if "head" in text else (0,)), run.status
    compared = expect(case, text, run.output()) + expect_letters(case, text) + expect_files(case, text)
    assert compared > 0, "nothing says what this recipe is to do"
    case.assert_no_leftovers()


def test_the_screens_of_the_readme_show_what_their_commands_print(case):
    screens = SCREEN.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert screens, "the README shows no screen"
    sample_files(case)
    for text in screens:
        run = run_as_printed(case, "exec 2>&1\n" + "".join(COMMAND.findall(text)))
        shown = COMMAND.sub("", text).encode()
        assert TIMES.sub(b"in TIME", run.output()) == TIMES.sub(b"in TIME", shown), run.output()


def test_the_smallest_worker_of_the_protocol_works_as_it_is_printed(case):
    text = (ROOT / "common/PROTOCOL.md").read_text(encoding="utf-8")
    section = text.partition("### The smallest worker")[2].partition("\n## ")[0]
    program = case.file("worker.py", re.search(r"^```python\n(.*?)^```", section, re.M | re.S)[1].encode())
    lines = b"".join(b"%d\n" % number for number in range(2000))
    at = case.endpoints()
    sink = case.start("fanfold-sink", *at)
    workers = [case.start("/usr/bin/python3", "-B", program, at[1], "tr", "0-9", "a-j") for _ in range(3)]
    ventilator = case.start("fanfold-ventilator", *at[:2], "-N", 10, "--min-workers", 3, "--retries", 1, stdin=lines)
    case.wait_for(sink.output, "the first result")
    workers[0].signal(signal.SIGKILL)
    for process in [ventilator, sink, *workers[1:]]:
        process.expect(0)
    workers[0].expect(137)
    assert sink.output() == lines.translate(bytes.maketrans(b"0123456789", b"abcdefghij"))
