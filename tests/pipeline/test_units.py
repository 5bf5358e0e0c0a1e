# SPDX-License-Identifier: MIT
"""The units that meson installs, as systemd reads them without running."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from harness import ROOT, build_directory

UNITS = ["fanfold-sink.service", "fanfold-ventilator.service", "fanfold-worker@.service"]
SYSTEM = Path("/lib/systemd/system")
EXPOSED_MOST = 20  # tenths, of 100


@pytest.fixture
def installed(case):
    """A root with what meson installs, and with the system's own units."""
    if not shutil.which("systemd-analyze") or not (SYSTEM / "sysinit.target").exists():
        case.skip("no systemd-analyze, or no units of systemd")
    root = case.directory / "root"
    case.run("meson", "install", "-C", build_directory(), "--no-rebuild", "--destdir", root).expect(0)
    shutil.copytree(SYSTEM.resolve(), root / "usr/lib/systemd/system", symlinks=True, dirs_exist_ok=True)
    return root


def analyze(case, root, *words):
    """The status and what it said."""
    run = case.run("systemd-analyze", words[0], f"--root={root}", *words[1:])
    return run.status, run.output().decode() + run.stderr()


def instance(unit):
    return unit.replace("@.", "@one.")


def verify(case, root, unit):
    return analyze(case, root, "verify", "--man=no", "--recursive-errors=one", instance(unit))


def exposure(case, root, unit):
    return analyze(case, root, "security", "--offline=true", f"--threshold={EXPOSED_MOST}", instance(unit))


def unit_in(root, unit):
    return next(root.rglob(unit))


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_without_fault(case, installed, unit):
    assert verify(case, installed, unit) == (0, "")
    path = unit_in(installed, unit)
    good = path.read_text(encoding="utf-8")
    for fault in (("WatchdogSec=", "WatchdogSecs="), ("/bin/fanfold-", "/bin/unfold-"), ("=notify", "=notifies")):
        assert fault[0] in good
        path.write_text(good.replace(*fault), encoding="utf-8")
        assert verify(case, installed, unit) != (0, ""), f"{fault} is not found"


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_exposes_little(case, installed, unit):
    status, said = exposure(case, installed, unit)
    print(said.splitlines()[-1])
    assert status == 0, said
    path = unit_in(installed, unit)
    good = path.read_text(encoding="utf-8")
    path.write_text(re.sub("(?m)^(CapabilityBoundingSet|SystemCallFilter|Protect|Private).*\n", "", good), encoding="utf-8")
    assert exposure(case, installed, unit)[0] != 0, "a unit that exposes much is not found"


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_gives_only_options_that_its_program_has(case, unit):
    text = (ROOT / "deploy/systemd" / f"{unit}.in").read_text(encoding="utf-8")
    program = re.search("^ExecStart=@bindir@/(\\S+)", text, re.M)[1]
    run = case.run(program, "--help")
    run.expect(0)
    known = set(re.findall(r"--[a-z-]+", run.output().decode()))
    given = set(re.findall(r"(?<!\S)--[a-z-]+", " ".join(re.findall("(?m)^(?:ExecStart|#     OPTIONS)=(.*)", text))))
    assert given - {"--"} <= known, sorted(given - known)


def start_service(case, unit, settings):
    """What the unit starts, with the credentials that it names and no other key."""
    text = (ROOT / "deploy/systemd" / f"{unit}.in").read_text(encoding="utf-8")
    credentials = case.directory / f"credentials-{unit}"
    credentials.mkdir()
    for name, source in re.findall("^LoadCredential=(.*):/etc/fanfold/keys/(.*)$", text, re.M):
        shutil.copy(case.path("keys") / source, credentials / name)
        (credentials / name).chmod(0o400)
    credentials.chmod(0o500)
    words = []
    for word in re.search("^ExecStart=@bindir@/(.*)$", text, re.M)[1].replace("%d", str(credentials)).split():
        name = word.strip("${}")
        if word.startswith("${"):
            words.append(settings[name])
        elif word.startswith("$"):
            words += shlex.split(settings.get(name, ""))
        else:
            words.append(word)
    return case.start(*words)


def test_services_meet_with_the_keys_that_they_are_given(case):
    case.run(build_directory() / "deploy/keygen/fanfold-keygen", case.path("keys")).expect(0)
    case.file("in", b"a\nb\n")
    settings = {"TASKS": "tcp://127.0.0.1:*", "RESULTS": "tcp://127.0.0.1:*", "INPUT": "in", "OUTPUT": "out"}
    settings["COMMAND"] = "sed 's/^/<  /'"
    ventilator = start_service(case, UNITS[1], settings)
    settings["TASKS"] = ventilator.wait_for_stderr(r"tcp://127\.0\.0\.1:\d+")[0]
    for program in (start_service(case, UNITS[0], settings), start_service(case, UNITS[2], settings), ventilator):
        program.expect(0)
    assert case.path("out").read_bytes() == b"<  a\n<  b\n"
