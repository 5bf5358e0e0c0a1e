# SPDX-License-Identifier: MIT
"""As many workers of Slurm as there is work for, and none on a node that fails: a real Slurm of three nodes."""

import contextlib
import os
import re
import shlex
import subprocess

import pytest
from harness import build_directory
from slurm_cluster import Cluster

SUBMITTED = r"^fanfold: submitted (\d+) workers? to Slurm as job (\d+)$"
IDLE = r"^fanfold: the worker of Slurm's job \d+_\d+ on n[123] has left: the job had nothing to do$"


WHY = {  # a node's jobs end so if it lacks
    "the worker": "has failed with status 127; it said: ",
    "the directory": "could not write its output: its node does not see the directory of the run",
}


@contextlib.contextmanager
def cluster(case, **how):
    with contextlib.closing(Cluster(case, **how)) as own:
        yield own


def start(case, workers, *words, **more):
    """A run whose workers have two slots each; each record waits at the gate."""
    began = case.path("began")
    began.mkdir(exist_ok=True)
    script = f"read -r number; : >{shlex.quote(str(began))}/$number; : <{shlex.quote(str(case.gate()))}; echo $number"
    options = ["--tasks", "tcp://127.0.0.1:*", "--liveness", 2, "--slurm-options", "--cpus-per-task 2"]
    return case.start("fanfold", "--slurm", workers, *options, *words, "-N1", "--shell", script, **more)


def write(run, records):
    os.write(run.stdin.fileno(), records)


def submitted(run):
    """[(workers, array)]"""
    return [(int(count), int(array)) for count, array in re.findall(SUBMITTED, run.stderr(), re.M)]


def wait_until_submitted(case, run, count, deadline=30.0):
    case.wait_for(lambda: len(submitted(run)) >= count, f"{count} arrays", deadline)
    return submitted(run)


def wait_until_begun(case, names):
    case.wait_for(lambda: sorted(os.listdir(case.path("began"))) == sorted(names), f"{names} to wait at the gate")


def test_workers_come_with_the_backlog_and_leave_when_they_are_idle(case):
    with cluster(case) as slurm:
        run = start(case, "0..3", "--idle-release", "1", stdin=subprocess.PIPE)
        case.wait_for(lambda: list(case.directory.glob(".fanfold-slurm*/worker.sh")), "the run to be ready")
        assert submitted(run) == []

        write(run, b"1\n")
        assert [count for count, _ in wait_until_submitted(case, run, 1)] == [1]
        wait_until_begun(case, "1")
        write(run, b"2\n3\n4\n5\n6\n")
        assert [count for count, _ in wait_until_submitted(case, run, 2)] == [1, 2]
        wait_until_begun(case, "123456")
        write(run, b"7\n8\n9\n")  # nobody comes for these: that is the most

        case.gate().open()
        case.wait_for(lambda: len(re.findall(IDLE, run.stderr(), re.M)) == 3, "all workers to leave", 60)
        case.wait_for(lambda: not slurm.alive(), "their jobs to be gone")
        assert len(submitted(run)) == 2

        write(run, b"10\n")
        assert [count for count, _ in wait_until_submitted(case, run, 3)] == [1, 2, 1]
        run.stdin.close()
        run.expect(0, 60)
        assert run.output() == b"".join(b"%d\n" % number for number in range(1, 11))
        case.wait_for(lambda: not slurm.alive(), "the jobs to be gone")
        assert "lost" not in run.stderr()


def test_jobs_that_wait_in_the_queue_for_no_chunk_are_withdrawn(case):
    with cluster(case) as slurm:
        for node in "n2", "n3":
            slurm.run("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
        run = start(case, "0..3", "--idle-release", "1", stdin=subprocess.PIPE)
        write(run, b"1\n2\n3\n4\n5\n")
        (count, array), *_ = wait_until_submitted(case, run, 1)
        assert count == 3
        wait_until_begun(case, "12")
        assert len(slurm.jobs(array)) >= 2
        case.gate().open()
        case.wait_for(lambda: not slurm.alive(), "all jobs to be gone", 60)
        states = [job["JobState"] for job in slurm.jobs(array).values()]
        assert set(states) == {"COMPLETED", "CANCELLED"}, states
        for node in "n2", "n3":
            slurm.run("scontrol", "update", f"nodename={node}", "state=resume")
        write(run, b"6\n7\n8\n9\n10\n")
        run.stdin.close()
        run.expect(0, 60)  # three may come still: what fanfold withdraws it may ask for again
        assert run.output().split() == [b"%d" % number for number in range(1, 11)]


@pytest.mark.deadline(200)
@pytest.mark.parametrize("lacking", WHY)
def test_a_node_that_fails_again_and_again_is_left_out(case, lacking):
    home = case.path("home")
    home.mkdir()
    folder = build_directory() / "worker" if lacking == "the worker" else home
    with cluster(case, hidden={"n2": [folder]}) as slurm:
        run = start(case, 12, stdin=b"".join(b"%d\n" % number for number in range(100)), cwd=home)
        (_, array), *_ = wait_until_submitted(case, run, 1)
        said = run.wait_for_stderr(r"^fanfold: node n2 gets no more workers in this run: 3 in a row .*$", 60)[0]
        assert f"the last job {WHY[lacking]}" in said and "srun -w n2 ls -d " in said, said
        waiting = case.wait_for(lambda: pending_on(slurm, array), "the jobs that wait to hear of it")
        assert waiting == {"n2"}
        wait_until_submitted(case, run, 2)
        again = submitted(run)[1][1]
        assert case.wait_for(lambda: pending_on(slurm, again), "the next array") == {"n2"}
        case.gate().open()
        run.expect(0, 60)
        assert run.output().split() == [b"%d" % number for number in range(100)]
        assert len(re.findall("gets no more workers", run.stderr())) == 1
        case.wait_for(lambda: not slurm.alive(), "the jobs to be gone")


def pending_on(slurm, array):
    """The lists of nodes that the array's jobs in the queue may not have; nothing while one may have all."""
    lists = {job["ExcNodeList"] for job in slurm.jobs(array).values() if job["JobState"] == "PENDING"}
    return set() if "(null)" in lists else lists


def test_a_run_whose_workers_start_nowhere_ends_and_says_why(case):
    with cluster(case, hidden={node: [build_directory() / "worker"] for node in ("n1", "n2", "n3")}):
        run = start(case, 3, stdin=b"1\n")
        run.expect(4, 60)
        assert re.search(r"has left: the job has failed with status 127; it said: .*not found", run.stderr()), run.stderr()
        assert re.search(r"^fanfold: all jobs of Slurm have ended, and no worker is left$", run.stderr(), re.M), run.stderr()
        assert len(submitted(run)) == 1
