# SPDX-License-Identifier: MIT
"""Workers that a real Slurm of three nodes places: they join, they leave for many reasons, and the output is right."""

import contextlib
import os
import re
import shlex
import signal

import pytest
from slurm_cluster import Cluster

RECORDS = b"".join(b"record %d\n" % number for number in range(100))
LIVENESS_S = 2


@pytest.fixture
def cluster(case):
    with contextlib.closing(Cluster(case)) as own:
        yield own


def start(case, *words, script=None, options="", stdin=RECORDS, **more):
    """A run of three jobs, of two slots each; each record waits at the gate."""
    gate = case.gate()
    began = case.path("began")
    began.mkdir(exist_ok=True)
    default = (
        f"read -r what number; : >{shlex.quote(str(began))}/$SLURM_ARRAY_TASK_ID.$number; "
        f": <{shlex.quote(str(gate))}; echo $what $number"
    )
    command = ["--slurm", "3", "--tasks", "tcp://127.0.0.1:*", "--liveness", LIVENESS_S, "--retries", "1"]
    options = ["--slurm-options", f"--cpus-per-task 2 {options}"]
    return case.start("fanfold", *command, *options, *words, "-N1", "--shell", script or default, stdin=stdin, **more)


def array_of(run):
    return int(run.wait_for_stderr(r"^fanfold: submitted 3 workers to Slurm as job (\d+)$")[1])


def wait_until_all_hold(case):
    """Each of the three jobs runs two records."""

    def hold():
        names = os.listdir(case.path("began"))
        return sorted(name.split(".")[0] for name in names) == ["1", "1", "2", "2", "3", "3"]

    case.wait_for(hold, "the records to wait at the gate")


def end(case, cluster, run, deadline=60.0):
    """The run is right, and neither Slurm nor the directory has anything of it."""
    run.expect(0, deadline)
    assert run.output() == RECORDS
    case.wait_for(lambda: not cluster.alive(), "the jobs to be gone")
    assert not [name for name in os.listdir(case.directory) if name.startswith(".fanfold-slurm")]


def left(task, array, why, node=r"n[123]"):
    return rf"^fanfold: the worker of Slurm's job {array}_{task} on {node} has left: the job {why}"


def test_an_array_does_the_run_and_is_gone_after_it(case, cluster):
    run = start(case)
    array = array_of(run)
    wait_until_all_hold(case)
    directory = [name for name in os.listdir(case.directory) if name.startswith(".fanfold-slurm")][0]
    assert case.path(directory).stat().st_mode & 0o777 == 0o700
    assert (case.path(directory) / "worker.key").stat().st_mode & 0o777 == 0o600
    secret = re.search(r'secret-key = "(.+)"', (case.path(directory) / "worker.key").read_text())[1]
    assert not [line for line in case.leftovers().values() if secret in line]
    case.gate().open()
    end(case, cluster, run)
    assert "has left" not in run.stderr(), run.stderr()


def test_an_interrupt_cancels_the_jobs(case, cluster):
    run = start(case, options="--exclusive")
    array_of(run)
    case.wait_for(lambda: os.listdir(case.path("began")), "a record to begin")
    run.signal(signal.SIGINT)
    run.wait_for_stderr("^fanfold: interrupted")
    run.signal(signal.SIGINT)
    run.expect(130)
    case.wait_for(lambda: not cluster.alive(), "the jobs to be gone")
    assert not [name for name in os.listdir(case.directory) if name.startswith(".fanfold-slurm")]


def test_an_interrupt_before_any_job_runs_cancels_them_as_well(case, cluster):
    for node in ("n1", "n2", "n3"):
        cluster.run("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
    run = start(case)
    array_of(run)
    run.signal(signal.SIGINT)
    run.expect(130)
    case.wait_for(lambda: not cluster.alive(), "the jobs to be gone")


def test_a_run_may_begin_inside_an_allocation(case, cluster):
    case.file("in", RECORDS)
    line = "fanfold --slurm 2 --tasks 'tcp://127.0.0.1:*' -N10 -i in -o out cat"
    job = cluster.run("sbatch", "--parsable", "-n2", f"--chdir={case.directory}", "--output=said", "--wrap", line).strip()
    case.wait_for(lambda: cluster.state(job, job) == "COMPLETED", "the job to complete", 60)
    assert case.path("out").read_bytes() == RECORDS, case.path("said").read_text()


def test_what_sbatch_refuses_ends_the_run(case, cluster):
    run = start(case, options="--partition nowhere")
    run.expect(4)
    assert re.search(r"^fanfold: cannot submit workers to Slurm: sbatch said: .*invalid partition", run.stderr(), re.M), run.stderr()


def test_cancelled_requeued_and_preempted_jobs_are_named_and_cost_nothing(case, cluster):
    run = start(case)
    array = array_of(run)
    wait_until_all_hold(case)
    nodes = {task: job["BatchHost"] for task, job in cluster.jobs(array).items()}
    cluster.run("scancel", f"{array}_1")
    run.wait_for_stderr(left(1, array, r"was cancelled$", nodes["1"]))
    cluster.run("scontrol", "update", f"nodename={nodes['1']}", "state=drain", "reason=test")
    cluster.run("scontrol", "requeue", f"{array}_2")
    run.wait_for_stderr(left(2, array, r"was requeued, and starts again later$", nodes["2"]))
    case.wait_for(lambda: cluster.state(array, 2) == "PENDING", "the job to wait")
    cluster.run("scontrol", "update", f"jobid={array}_2", "StartTime=now")
    case.wait_for(lambda: cluster.state(array, 2) == "RUNNING", "the job to run again")
    urgent = cluster.run(
        "sbatch", "--parsable", "-p", "urgent", "-c2", "-w", nodes["3"], "--output=/dev/null", "--wrap", "exec sleep 1000"
    ).strip()
    run.wait_for_stderr(left(3, array, r"was preempted$", nodes["3"]))
    cluster.run("scancel", urgent)
    assert cluster.jobs(array)["2"]["Restarts"] == "1"
    case.gate().open()
    end(case, cluster, run)


def test_a_job_that_is_held_after_it_was_requeued_is_called_so(case, cluster):
    run = start(case)
    array = array_of(run)
    wait_until_all_hold(case)
    cluster.run("scontrol", "requeuehold", f"{array}_2")
    run.wait_for_stderr(left(2, array, r"was requeued and is held: it starts again after scontrol release$"))
    case.gate().open()
    end(case, cluster, run)


def test_a_time_limit_that_leaves_no_time_to_work_in_is_named(case, cluster):
    """By what is not on the command line, as the limit of a partition."""
    run = start(case, env={"SBATCH_TIMELIMIT": "1"})
    array = array_of(run)
    run.expect(4, 60)
    said = left(r"\d", array, "left at once: its time limit is no longer than what --drain-before keeps back; say a longer --time")
    assert len(re.findall(said, run.stderr(), re.M)) == 3, run.stderr()


@pytest.mark.parametrize("workers", ["3", "0..100"])
def test_a_command_that_no_node_has_ends_the_run_as_it_does_here(case, cluster, workers):
    run = case.start("fanfold", "--slurm", workers, "--tasks", "tcp://127.0.0.1:*", "-N1", "--", "no-such-command", stdin=b"1\n2\n3\n")
    run.expect(127, 60)
    said = r"^fanfold: the worker of Slurm's job \d+_\d+ on n[123] has left: the job cannot run its command, and has ended; it said: .*no-such-command: command not found"
    assert re.search(said, run.stderr(), re.M), run.stderr()
    assert run.stderr().count("submitted") == 1, run.stderr()


def test_jobs_out_of_memory_are_named_and_others_do_their_records(case, cluster):
    once, twice = (shlex.quote(str(case.path(name))) for name in ("once", "twice"))
    script = (
        f"read -r what number; if [ $number = 7 ] && {{ mkdir {once} || mkdir {twice}; }}; then "
        "/usr/bin/python3 -c 'import signal; x = b\"x\" * (900 << 20); signal.pause()'; fi; "
        f"[ $number != 7 ] || : <{shlex.quote(str(case.gate()))}; echo $what $number"
    )
    run = start(case, script=script)
    array = array_of(run)
    memory = re.compile(left(r"\d", array, r"used more memory than Slurm gave it"), re.M)
    case.wait_for(lambda: len(memory.findall(run.stderr())) == 2, "two workers to have left")
    case.gate().open()
    end(case, cluster, run)


@pytest.mark.deadline(200)
def test_an_array_that_reaches_its_time_limit_is_submitted_again_but_not_to_a_drained_node(case, cluster):
    run = start(case, "--drain-before", "1", options="--time 1")
    array = array_of(run)
    wait_until_all_hold(case)
    nodes = {task: job["BatchHost"] for task, job in cluster.jobs(array).items()}
    cluster.run("scontrol", "update", f"nodename={nodes['3']}", "state=drain", "reason=test")
    run.wait_for_stderr(left(1, array, r"has reached its time limit$", nodes["1"]), 100)
    again = int(run.wait_for_stderr(rf"as job (?!{array}$)(\d+)$", 30)[1])
    case.wait_for(lambda: "RUNNING" in {job["JobState"] for job in cluster.jobs(again).values()}, "a job of the next array to run")
    assert nodes["3"] not in {job.get("BatchHost") for job in cluster.jobs(again).values()}
    case.gate().open()
    end(case, cluster, run)
