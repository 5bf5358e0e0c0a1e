# SPDX-License-Identifier: MIT
"""The manifests in deploy/kubernetes: against the schemas of their kinds, and as kustomize renders them."""

import os
import re
import shutil
import signal
import textwrap

import pytest
from harness import ROOT, Case, Skip, build_directory

MANIFESTS = ROOT / "deploy/kubernetes"
RENDERED = ["run", "autoscaling"]
ROLES = ["sink", "ventilator", "worker"]
KINDS = {"run": 14, "autoscaling": 15}


@pytest.fixture(scope="module")
def validator():
    """The directory of validate.mjs with the schemas, installed once in the build directory."""
    if not shutil.which("npm") or not shutil.which("node"):
        raise Skip("no npm, or no node")
    directory = build_directory() / "tests/kubernetes"
    directory.mkdir(parents=True, exist_ok=True)
    lock = (ROOT / "tests/kubernetes/package-lock.json").read_bytes()
    for name in ("package.json", "package-lock.json", "validate.mjs"):
        shutil.copy(ROOT / "tests/kubernetes" / name, directory)
    done = directory / "installed"
    if not done.exists() or done.read_bytes() != lock:
        made = Case()
        run = made.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=directory, deadline=120)
        said = run.stderr().strip().splitlines()
        made.close()
        if run.status:
            raise Skip(f"npm cannot install the schemas: {said[-1] if said else run.status}")
        done.write_bytes(lock)
    return directory


def validate(case, validator, *paths):
    """The status and the lines."""
    run = case.run("node", validator / "validate.mjs", *paths)
    assert not run.stderr(), run.stderr()
    return run.status, run.output().decode().splitlines()


def manifests():
    return [path for path in sorted(MANIFESTS.rglob("*.yaml")) if path.name != "kustomization.yaml"]


def test_the_manifests_fit_their_schemas(case, validator):
    status, lines = validate(case, validator, *manifests())
    assert status == 0, lines
    print(lines[-1])


@pytest.mark.parametrize(
    "good, bad",
    [
        ("replicas: 3", "replica: 3"),
        ("replicas: 3", "replicas: three"),
        ("  selector:\n", "  select:\n"),
        ("failureThreshold: 4", "failureTreshold: 4"),
        ("apiVersion: apps/v1", "apiVersion: apps/v9"),
        ("drop: [ALL]", "drop: ALL"),
    ],
)
def test_a_fault_in_a_manifest_is_found(case, validator, good, bad):
    text = (MANIFESTS / "base/worker.yaml").read_text(encoding="utf-8")
    assert good in text
    status, lines = validate(case, validator, case.file("worker.yaml", text.replace(good, bad).encode()))
    assert status == 1 and len(lines) >= 2, lines


def rendered(case, name):
    """What kustomize makes of it, with keys that fanfold-keygen made."""
    if not shutil.which("kubectl"):
        case.skip("no kubectl")
    tree = case.directory / "kubernetes"
    shutil.copytree(MANIFESTS, tree)
    case.run(build_directory() / "deploy/keygen/fanfold-keygen", tree / "keys/run").expect(0)
    run = case.run("kubectl", "kustomize", tree / name)
    assert run.status == 0, run.stderr()
    return case.file(f"{name}.yaml", run.output())


@pytest.mark.parametrize("name", RENDERED)
def test_kustomize_renders_what_fits_the_schemas(case, validator, name):
    path = rendered(case, name)
    status, lines = validate(case, validator, path)
    assert (status, lines) == (0, [f"{KINDS[name]} documents, 0 findings"])
    text = path.read_text(encoding="utf-8")
    for role in ROLES:
        secret = f"fanfold-{role}-keys\n"
        assert text.count(f"secretName: {secret}") == text.count(f"  name: {secret}") == 1, f"the {role}'s pod does not get its keys"
        assert text.count(f"  {role}.key_secret: ") == 1, f"more than the {role} gets its secret key"
    assert ("replicas: 3" in text) == (name == "run")


@pytest.mark.parametrize("role", ROLES)
def test_a_pod_gives_only_options_that_its_program_has(case, role):
    text = (MANIFESTS / f"base/{role}.yaml").read_text(encoding="utf-8")
    run = case.run(f"fanfold-{role}", "--help")
    run.expect(0)
    known = set(re.findall(r"--[a-z-]+", run.output().decode()))
    command = re.search(r"^ *fanfold-sink (--.*(?:\\\n.*)*)|^ *args: \[(.*)\]", text, re.M)
    given = set(re.findall(r"--[a-z]+[a-z-]*", command[0]))
    assert given and given <= known, sorted(given - known)


def sink_script(case, meet):
    """The sink's script, with files and endpoints of this host."""
    text = (MANIFESTS / "base/sink.yaml").read_text(encoding="utf-8")
    script = textwrap.dedent(re.search(r"sink\.sh: \|\n((?:    .*\n|\n)+)", text)[1])
    for words, here in (
        ("cd /output", f"cd {case.directory}"),
        (r"--keys /keys --tasks tcp://\S+ --results tcp://\S+ \\\n *--advertise \S+", " ".join(meet)),
    ):
        script, count = re.subn(words, here, script)
        assert count == 1, words
    return case.file("sink.sh", script.encode())


def test_the_sink_resumes_after_its_pod_is_gone_and_keeps_its_output_for_who_fetches_it(case):
    meet = case.endpoints()
    script = sink_script(case, meet)
    case.file("in", b"".join(b"line %d\n" % n for n in range(1000)))
    gate = case.gate()
    worker = case.start("fanfold-worker", *meet[:2], "--", "sh", "-c", f': >began-$FANFOLD_SEQ; [ $FANFOLD_SEQ = 0 ] || : <{gate}; cat')
    first = case.start("sh", script)
    ventilator = case.start("fanfold-ventilator", *meet[:2], "-i", "in", "-N500", "--resume")
    case.wait_for(case.path("began-1").exists, "the second chunk to begin")
    first.signal(signal.SIGTERM)
    first.expect(143)
    gate.open()
    for program in (ventilator, worker):
        program.wait()
    assert not case.path("out.complete").exists()

    second = case.start("sh", script)
    others = [
        case.start("fanfold-worker", *meet[:2], "--", "cat"),
        case.start("fanfold-ventilator", *meet[:2], "-i", "in", "-N500", "--resume"),
    ]
    for program in others:
        program.expect(0)
    case.wait_for(case.path("out.complete").exists, "the sink to be done")
    third = case.start("sh", script)
    for pod in (second, third):
        assert pod.running()
    case.assert_same(case.path("out"), case.path("in"))
    case.wait_for(lambda: len(case.pids_of("sleep")) == 2, "both pods to wait for their ends")
    for pod in (second, third):
        pod.signal(signal.SIGTERM)
        pod.expect(0)
    for pid in case.pids_of("sleep"):  # the container's end is theirs
        os.kill(pid, signal.SIGKILL)
