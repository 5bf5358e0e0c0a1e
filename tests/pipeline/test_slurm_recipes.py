# SPDX-License-Identifier: MIT
"""What README, fanfold-hosts(7) and deploy/slurm/worker.sbatch say of Slurm, run as it is printed on a real Slurm."""

import contextlib
import json
import os
import re
import shlex

import pytest
from harness import ROOT
from slurm_cluster import Cluster
from test_readme import IN_MANUAL, as_printed, titled

RECORDS = b"".join(b"record %d\n" % number for number in range(1000))


@pytest.fixture
def cluster(case):
    with contextlib.closing(Cluster(case, cpus=4)) as own:
        yield own


def of_readme():
    return re.findall(r"^    (fanfold --slurm .*\n)", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)


def of_manual():
    page = (ROOT / "deploy/man/fanfold-hosts.7").read_text(encoding="utf-8")
    displays = [as_printed(text) for title, text in titled(IN_MANUAL, page) if title == "By Slurm"]
    return [text for text in displays if text.startswith("fanfold ")]


def recipes():
    assert of_readme() and len(of_manual()) >= 2, "a recipe is gone"
    for document, texts in ("readme", of_readme()), ("manual", of_manual()):
        for number, text in enumerate(texts, 1):
            yield pytest.param(text, id=f"{document}_{number}")


@pytest.mark.parametrize("text", recipes())
def test_a_recipe_for_slurm_runs_as_it_is_printed(case, cluster, text):
    source = case.file(re.search(r"-i (\S+)", text)[1], RECORDS)
    for name in "command", "filter":
        case.file(name, b"#!/bin/sh\nexec tr a-z A-Z\n").chmod(0o755)
    run = case.shell(text, cwd=case.directory)
    assert run.status == 0, run.stderr()
    assert case.path(re.search(r"-o (\S+)", text)[1]).read_bytes() == source.read_bytes().upper()
    assert re.search(r"^fanfold: submitted \d+ workers? to Slurm as job \d+$", run.stderr(), re.M), run.stderr()
    case.wait_for(lambda: not cluster.alive(), "the jobs to be gone")


def test_the_job_script_runs_as_a_person_uses_it_and_a_requeued_job_finds_the_key_again(case, cluster):
    script = ROOT / "deploy/slurm/worker.sbatch"
    (usage,) = re.findall(r"^#   sbatch (.*)$", script.read_text(encoding="utf-8"), re.M)
    gate = case.gate()
    began = case.path("began")
    began.mkdir()
    command = case.file(
        "command",
        f'#!/bin/sh\nread -r what number\n: >{shlex.quote(str(began))}/"${{SLURM_JOB_ID:-here}}.$SLURM_RESTART_COUNT.$number"\n'
        f": <{shlex.quote(str(gate))}\necho $what $number\n".encode(),
    )
    command.chmod(0o755)
    words = ["--tasks", "tcp://*:*", "--endpoint-file", "run.json", "-j1", "-N1", "--liveness", 2, "--", command]
    run = case.start("fanfold", *words, stdin=RECORDS, cwd=case.directory)
    endpoint = case.wait_for(lambda: case.path("run.json").exists() and json.loads(case.path("run.json").read_text()), "run.json")
    key = case.file("worker.key", open(endpoint["key_file"], "rb").read())
    key.chmod(0o600)

    line = usage.replace("worker.sbatch", shlex.quote(str(script))).replace("--array=1-8", "--array=1-3")
    line = line.replace("TASKS", shlex.quote(endpoint["tasks"][0])).replace("KEYFILE", shlex.quote(str(key)))
    line = re.sub(r"COMMAND.*", shlex.quote(str(command)), line)
    array = cluster.run("sh", "-c", f"exec sbatch --parsable --output=/dev/null {line}").strip()

    def begun():
        """{(job, restarts): records that it has begun}"""
        found = {}
        for name in os.listdir(began):
            job, restarts, number = name.split(".")
            found.setdefault((job, restarts), []).append(number)
        return found

    case.wait_for(lambda: sorted(map(len, begun().values())) == [1, 4, 4, 4], "three jobs of four slots, and one here")
    again = cluster.jobs(array)["2"]["JobId"]
    cluster.run("scontrol", "requeue", f"{array}_2")
    case.wait_for(lambda: cluster.state(array, 2) == "PENDING", "the job to wait")
    # Not at once: slurmd knows by the second what it has ended, and fails what was begun in the same one.
    cluster.run("scontrol", "update", f"jobid={array}_2", "StartTime=now+3")
    case.wait_for(lambda: len(begun().get((again, "1"), [])) == 4, "the job to begin four records again", 60)
    gate.open()
    run.expect(0, 60)
    assert run.output() == RECORDS
    case.wait_for(lambda: not cluster.alive(), "the workers to have left")
    states = {job["JobState"] for job in cluster.jobs(array).values()}
    assert states == {"COMPLETED"}, states
