#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Chaos runs, one seed each: campaign.py --runs N [--from SEED] [--seed S] [--jobs J] [--tap].

Each run is a process of its own (`--child SEED`): it has a network and a mount namespace, and
a deadline, after which it counts as a hang. A run that fails says all that its programs
said, what they are at, what was done to them, and leaves its directory in the build's
tests/chaos/failed. At the end: a table of what was done to all runs, and the seeds to replay.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "pipeline"))  # behind this folder

# pylint: disable=wrong-import-position
import faults
import process_tree
import network
from harness import Case, build_directory, deadline_of, program_path
from plan import LONGEST_S, make_plan
from launched_run import LaunchedRun
from separate_run import SeparateRun

DEADLINE_S = 120.0
HOSTS = ["ventilator", "sink", "worker0", "worker1", "worker2"]
VERBOSE = "--verbose" in sys.argv


# ---- one run ----


def help_of(program):
    return subprocess.run([program_path(program), "--help"], capture_output=True, text=True, check=False).stdout


def abilities():
    """(what the programs and this machine can do, reasons for what they cannot)"""
    can, reasons = set(), []
    ventilator, sink, fanfold = map(help_of, ("fanfold-ventilator", "fanfold-sink", "fanfold"))
    if all("--resume" in text for text in (ventilator, sink, fanfold)):
        can.add("resume")
    else:
        reasons.append("no --resume: neither end is killed")
    if all("--on-error" in text for text in (ventilator, fanfold)):
        can |= {"skip", "isolate"}
    else:
        reasons.append("no --on-error: no chunk fails")
    try:
        probe = (
            "import sys; sys.path[:0] = sys.argv[1:]; import network; "
            "network.unshare_namespaces(); network.Hosts(['a']).close()"
        )
        folders = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "pipeline")]
        done = subprocess.run(
            [sys.executable, "-B", "-c", probe, *folders], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise OSError((done.stderr.strip().splitlines() or ["?"])[-1])
        can |= {"hosts", "disk"}
    except OSError as error:
        reasons.append(f"no namespaces, so links go through a proxy and no disk fills: {error}")
    return can, reasons


def inject(run, fault, tally):
    if fault.kind == "fill disk" and "disk" not in run.can:
        return
    hit = faults.ACTIONS[fault.kind](run, fault)
    word = {None: "nobody", False: "idle", True: "hit"}[hit]
    tally[fault.kind][word] += 1
    run.note(f"{fault.kind} {fault.hold_s:.2f}: {word}")


def await_work(run, fault):
    end = run.now() + 0.6
    run.case.wait_for(lambda: settle(run) or faults.ready(run, fault) or run.now() > end, "somebody at work")


def drive(run, tally):
    """Makes each fault at its time, until the run is complete."""
    plan = run.plan
    run.case.wait_for(lambda: run.tick() or run.released() > 0 or run.complete, "the first output", 30)
    due = run.now()
    for number, fault in enumerate(plan.faults):
        due = max(due, run.now() - 0.5) + fault.gap_s
        run.case.wait_for(lambda due=due: settle(run) or run.now() >= due, "the next fault", DEADLINE_S)
        await_work(run, fault)
        if run.complete or run.now() > LONGEST_S:
            break
        inject(run, fault, tally)
        run.faults_left = 1.0 - (number + 1) / len(plan.faults)
    run.faults_left = 0.0
    run.case.wait_for(lambda: settle(run), "the run to end", DEADLINE_S)
    run.lasted_s = run.now()
    run.work_agenda(everything=True)
    run.note("the run is complete")
    if run.journal_stays():
        run.complete = False
        run.start()
        run.case.wait_for(lambda: settle(run), "the finished run to end once more", DEADLINE_S)
    run.finish()


def settle(run):
    """True once the run is complete."""
    run.work_agenda()
    run.tick()
    return run.complete


def keep(case, seed):
    """Copies the files of a failed run, for a person."""
    place = build_directory() / "tests/chaos/failed" / str(seed)
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(
        case.directory,
        place,
        ignore=lambda folder, names: [name for name in names if not os.path.isfile(os.path.join(folder, name))
                                      and not os.path.isdir(os.path.join(folder, name))],
    )
    return place


def explain(case, run, plan):
    print(f"plan: {plan}")
    if run:
        print("what happened:")
        print("\n".join(f"    {line}" for line in run.diary))
        print(f"released {run.released()} of {len(run.data)} bytes; agenda: {len(run.agenda)}; over: {run.over!r}")
    print("processes:")
    print("\n".join(f"    {line}" for line in process_tree.states(case)))
    print("what they said:")
    for process in case.processes:
        code = process.popen.poll()
        print(f"{process.name} pid {process.pid} ({'runs' if code is None else code}): {' '.join(process.popen.args)}")
        lines = process.stderr().splitlines()
        shown = lines if len(lines) < 400 else [*lines[:100], "...", *lines[-300:]]
        print("\n".join(f"    {line}" for line in shown))


def child(seed, can, result_path):
    """Makes one run; writes its outcome as JSON, and explains a failure on stdout."""
    plan = make_plan(seed, can)
    tally = collections.defaultdict(collections.Counter)
    if can & {"hosts", "disk"}:
        network.unshare_namespaces(network=plan.network == "hosts")
    case, run, error = Case(), None, ""
    try:
        with deadline_of(DEADLINE_S):
            net = {"hosts": network.Hosts, "proxy": network.Proxies}.get(plan.network)
            run = (SeparateRun if plan.shape == "separate" else LaunchedRun)(case, plan, can, net and net(HOSTS))
            drive(run, tally)
            run.check()
    except Exception as problem:  # pylint: disable=broad-except
        error = f"{type(problem).__name__}: {problem}"
        traceback.print_exc(file=sys.stdout)
        explain(case, run, plan)
        print(f"kept in {keep(case, seed)}")
    result = {
        "seed": seed,
        "error": error,
        "tally": tally,
        "shape": f"{plan.shape} {plan.network}{' with keys' if plan.keys else ''} {plan.input} {plan.output} {plan.on_error} {'+'.join(plan.workers)}",
        "lasted_s": getattr(run, "lasted_s", 0.0),
        "diary": run.diary if run else [],
        "rounds": run.rounds if run else 0,
    }
    Path(result_path).write_text(json.dumps(result))
    sys.stdout.flush()
    if run:
        run.close()
    case.close()
    os._exit(1 if error else 0)


# ---- many ----


def run_child(seed, can):
    """(result, what was said)"""
    with tempfile.NamedTemporaryFile(prefix="fanfold-chaos-") as file:
        words = [sys.executable, "-B", __file__, "--child", str(seed), "--can", ",".join(sorted(can)), file.name]
        began = time.monotonic()
        try:
            done = subprocess.run(
                words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE_S + 60, check=False
            )
            said = done.stdout.decode(errors="replace")
            result = json.loads(Path(file.name).read_text() or "{}")
        except subprocess.TimeoutExpired as overdue:
            said, result = (overdue.stdout or b"").decode(errors="replace"), {}
        result.setdefault("seed", seed)
        result.setdefault("error", "the run's own process ended without a result")
        result["took_s"] = time.monotonic() - began
        return result, said


def say_tap(number, result, said):
    words = f"{number} - seed {result['seed']}: {result.get('shape', '')}"
    print(f"not ok {words}" if result["error"] else f"ok {words}")
    if result["error"]:
        for line in [result["error"], *said.splitlines()]:
            print(f"# {line}")
    print(f"# {result['took_s']:.2f} s", flush=True)


def say_plain(_number, result, said):
    verdict = "FAILED" if result["error"] else "ok"
    print(
        f"{verdict} seed {result['seed']}: {result.get('shape', '')}, {result.get('lasted_s', 0):.1f} s, "
        f"started {result.get('rounds', 0)} times",
        flush=True,
    )
    if result["error"]:
        print(said, flush=True)
    elif VERBOSE:
        print("\n".join(result.get("diary", [])), flush=True)


def table(results):
    """Lines: each kind of fault, how often it was injected and how often it hit work."""
    sums = collections.defaultdict(collections.Counter)
    for result in results:
        for kind, counts in result.get("tally", {}).items():
            sums[kind].update(counts)
    yield f"{'fault':20} {'injected':>9} {'hit work':>9}"
    for kind in sorted(sums):
        hit, idle = sums[kind]["hit"], sums[kind]["idle"]
        yield f"{kind:20} {hit + idle:9} {hit:9}"
    hits, idles = (sum(counts[word] for counts in sums.values()) for word in ("hit", "idle"))
    yield f"{'all':20} {hits + idles:9} {hits:9}"


def campaign(options):
    can, reasons = abilities()
    can -= set(options.without.split(","))
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.runs)
    if options.plan:
        for seed in seeds:
            print(make_plan(seed, can))
        return 0
    mark = "# " if options.tap else ""
    if options.tap:
        print(f"1..{len(seeds)}")
    for reason in reasons:
        print(f"{mark}{reason}", flush=True)
    results = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for number, (result, said) in enumerate(pool.map(lambda seed: run_child(seed, can), seeds), 1):
            (say_tap if options.tap else say_plain)(number, result, said)
            results.append(result)
    for line in table(results):
        print(f"{mark}{line}")
    failed = [result for result in results if result["error"]]
    lasted = sorted(result["lasted_s"] for result in results if not result["error"]) or [0.0]
    print(
        f"{mark}{len(results)} runs, {len(results) - len(failed)} right, {len(failed)} failed, "
        f"{sum('Overdue' in result['error'] for result in failed)} hung; "
        f"they lasted {lasted[0]:.1f} to {lasted[-1]:.1f} s"
    )
    for result in failed:
        print(f"{mark}tests/chaos/run --seed {result['seed']}: {result['error'].splitlines()[0]}")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(prog="tests/chaos/run")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--from", dest="first", type=int, default=1, metavar="SEED")
    parser.add_argument("--seed", type=int, help="this one only")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--plan", action="store_true", help="show what the seeds mean, run nothing")
    parser.add_argument("--verbose", action="store_true", help="say what was done to each run")
    parser.add_argument("--without", default="", help="do without these: resume,skip,isolate,hosts,disk")
    parser.add_argument("--tap", action="store_true")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--can", default="", help=argparse.SUPPRESS)
    parser.add_argument("result", nargs="?", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        child(options.child, set(filter(None, options.can.split(","))), options.result)
    sys.exit(campaign(options))


main()
