#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Four hosts under CURVE: hosts.py --runs N [--from SEED] [--seed S] [--jobs J] [--tap].

Ventilator and sink are on host A, workers on B, C and D, each a network namespace. Cables are pulled
and plugged, packets are lost one way, connections are reset; one host is lost for good, and one joins
late. The output must be right, and a capture of all that the hosts said to each other must hold no
piece of the records, which are marked.

The first case is the control: what a run without keys says is found in its capture.
"""

import argparse
import concurrent.futures
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "pipeline"))  # behind this folder

# pylint: disable=wrong-import-position
import network
from harness import Case, build_directory, deadline_of

HOME, FAR = "A", ["B", "C", "D"]
DEADLINE_S = 150.0
END_S = 60.0
MARK = b"qzjxkvwpayloadthatnobodymayreadbutthetwoends"
PIECE = 8  # bytes of the mark that must not be seen in a row
RECORDS = 12000
KINDS = ["both ways", "to A", "from A", "A", "reset"]


class Plan:
    """What a seed means. Seed 0 is the control, without keys and without faults."""

    def __init__(self, seed):
        self.seed = seed
        self.chance = random.Random(f"hosts {seed}")
        self.faults = []
        hosts = self.chance.sample(FAR, 3)
        self.lost, self.late, self.steady = hosts
        if seed == 0:
            return
        kinds = ["both ways", "to A", "from A", *self.chance.choices(KINDS, k=3), "lost", "late"]
        self.chance.shuffle(kinds)
        for kind in kinds:
            host = {"lost": self.lost, "late": self.late}.get(kind) or self.chance.choice(FAR)
            gap_s, hold_s = self.chance.uniform(0.2, 1.2), self.chance.choice([0.3, 1.0, 2.5, 4.0, 6.0])
            self.faults.append((gap_s, kind, host, hold_s))

    def __str__(self):
        return "; ".join(f"{gap:.1f} s: {kind} {host} {hold:.1f} s" for gap, kind, host, hold in self.faults)


class Capture:
    """All packets between the hosts, in a file."""

    def __init__(self, case):
        self.path = case.path("capture")
        words = ["-Z", "root", "-i", "any", "-s", "0", "-B", "32768", "-U", "-w", self.path, "tcp"]
        self.process = case.start("tcpdump", *words)
        self.process.wait_for_stderr("listening on")

    def end(self):
        """Its bytes, and how many packets it missed."""
        self.process.signal(signal.SIGINT)
        self.process.wait()
        dropped = re.search(r"(\d+) packets? dropped by kernel", self.process.stderr())
        return self.path.read_bytes(), int(dropped[1]) if dropped else 0


def pieces_seen(data):
    """How many of the mark's pieces are in the data, as records have them or as results do."""
    marks = [MARK, MARK.upper()]
    pieces = {mark[at : at + PIECE] for mark in marks for at in range(len(mark) - PIECE + 1)}
    return sum(piece in data for piece in pieces)


class Run:
    """A ventilator, a sink, and workers elsewhere."""

    def __init__(self, case, plan):
        self.case, self.plan = case, plan
        self.net = network.Hosts([HOME, *FAR])
        self.began = time.monotonic()
        self.diary = []
        chance = random.Random(plan.seed)
        lines = [b"%s %d %d\n" % (MARK, number, chance.getrandbits(200)) for number in range(RECORDS)]
        lines[-3] = b"HOLD " + lines[-3]
        self.data = b"".join(lines)
        self.control = case.path("control")
        (self.control / "busy").mkdir(parents=True)
        self.hold = self.control / "hold"
        self.hold.touch()
        (self.control / "pace").write_text("150" if plan.seed else "0")
        self.keys = case.path("keys")
        case.run("fanfold-keygen", self.keys).expect(0)
        self.workers = {}
        at = f"tcp://{self.net.addresses[HOME]}"
        self.tasks = f"{at}:20557"
        self.output = case.path("out")
        self.sink = self.on(HOME, "sink", "--tasks", self.tasks, "--results", at, "-o", self.output)
        self.ventilator = self.on(HOME, "ventilator", "--tasks", at, "--block", "8K", "-i", case.file("in", self.data))
        for host in FAR:
            if host != plan.late or not plan.seed:
                self.join(host)

    def note(self, what):
        self.diary.append(f"{time.monotonic() - self.began:7.2f} {what}")

    def on(self, host, role, *words):
        prefix = self.net.on(host)
        path = build_directory() / role / f"fanfold-{role}"
        common = ["--liveness", "2s", "--patience", "60s", "--log-level", "info"]
        common += ["--keys", self.keys] if self.plan.seed else ["--insecure"]
        return self.case.start(prefix[0], *prefix[1:], path, *common, *words, name=f"{role}-{host}")

    def join(self, host):
        work = ["sh", "-c", '"$0" "$1" || exit $?', build_directory() / "tests/chaos/work", self.control]
        self.workers[host] = self.on(host, "worker", "--tasks", self.tasks, "-j2", "--", *work)
        self.note(f"{host} joins")

    # -- faults --

    def begin(self, kind, host):
        """What undoes it; None: nothing does."""
        net = self.net
        if kind == "late":
            return self.join(host)
        if kind == "reset":
            net.break_connections(host)
            return None
        if kind == "to A":
            net.lose(host, HOME)
            return lambda: net.find(host, HOME)
        if kind == "from A":
            net.lose(HOME, host)
            return lambda: net.find(HOME, host)
        name = HOME if kind == "A" else host
        net.pull(name)
        return None if kind == "lost" else lambda: net.plug(name) if name not in self.gone() else None

    def gone(self):
        return [self.plan.lost] if any("lost" in line for line in self.diary) else []

    def until(self, due):
        for process in (self.ventilator, self.sink):
            assert process.running(), f"{process.name} has ended in the middle of the run"
        return time.monotonic() >= due

    def suffer(self):
        """Makes all faults; some overlap."""
        due, undo = time.monotonic(), []
        for gap_s, kind, host, hold_s in self.plan.faults:
            due += gap_s
            steps = sorted([*[entry for entry in undo if entry[0] <= due], (due, None)], key=lambda entry: entry[0])
            for when, action in steps:
                self.case.wait_for(lambda when=when: self.until(when), "the next fault", DEADLINE_S)
                if action:
                    action()
            undo = [entry for entry in undo if entry[0] > due]
            self.note(f"{kind} {host} for {hold_s:.1f} s")
            action = self.begin(kind, host)
            if action:
                undo.append((due + hold_s, action))
        for when, action in sorted(undo, key=lambda entry: entry[0]):
            self.case.wait_for(lambda when=when: self.until(when), "the last fault's end", DEADLINE_S)
            action()
        self.note("all is restored, but for what is lost")

    def finish(self):
        self.hold.unlink()
        for process in (self.ventilator, self.sink):
            process.expect(0, END_S)
        self.note("the run is complete")
        self.case.assert_same(self.output, self.case.file("expected", self.data.upper()))
        for host, worker in self.workers.items():
            if host in self.gone():
                continue
            status = worker.wait(END_S + 60)
            patient = status == 5 and "no word from a ventilator for 60 s" in worker.stderr()
            assert status == 0 or patient, f"the worker on {host} ended with status {status}"


def drive(case, plan):
    """The run's diary."""
    capture = run = None
    try:
        run = Run(case, plan)
        capture = Capture(case)
        case.wait_for(lambda: run.output.exists() and run.output.stat().st_size, "the first output", 60)
        run.suffer()
        run.finish()
        seen, missed = capture.end()
        found = pieces_seen(seen)
        assert len(seen) > len(run.data) // 2, f"the capture has {len(seen)} bytes alone"
        if plan.seed:
            assert found == 0, f"{found} pieces of the records are in the capture"
        else:
            assert found > len(MARK), f"{found} pieces of the mark are in the capture of a run without keys"
        return f"{time.monotonic() - run.began:.1f} s, captured {len(seen) >> 10} KiB, missed {missed} packets"
    except BaseException:
        print(f"plan: {plan}")
        print("\n".join(run.diary if run else []))
        raise
    finally:
        if run:
            run.net.close()


def child(seed):
    network.unshare_namespaces()
    case, failed = Case(), False
    try:
        with deadline_of(DEADLINE_S):
            print(drive(case, Plan(seed)))
    except Exception:  # pylint: disable=broad-except
        failed = True
        traceback.print_exc(file=sys.stdout)
        print(*case.report(), sep="\n")
    case.close()
    sys.stdout.flush()
    os._exit(1 if failed else 0)


def run_child(seed):
    words = [sys.executable, "-B", __file__, "--child", str(seed)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return seed, done.returncode, done.stdout.decode(errors="replace")


def why_not():
    """Why this machine cannot have such runs; "": it can."""
    if not shutil.which("tcpdump"):
        return "no tcpdump"
    probe = "import sys; sys.path[:0] = sys.argv[1:]; import network; network.unshare_namespaces(); network.Hosts(['a']).close()"
    folders = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "pipeline")]
    done = subprocess.run([sys.executable, "-B", "-c", probe, *folders], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"no network namespaces: {(done.stderr.strip().splitlines() or ['?'])[-1]}"


def main():
    parser = argparse.ArgumentParser(prog="tests/chaos/hosts.py")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--from", dest="first", type=int, default=1, metavar="SEED")
    parser.add_argument("--seed", type=int, help="this one only; 0 is the control")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tap", action="store_true", help="print TAP, as meson test reads it")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        child(options.child)
    seeds = [options.seed] if options.seed is not None else [0, *range(options.first, options.first + options.runs)]
    print(f"1..{len(seeds)}", flush=True)
    reason = why_not()
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        outcomes = ((seed, 0, "") for seed in seeds) if reason else pool.map(run_child, seeds)
        for number, (seed, status, said) in enumerate(outcomes, 1):
            name = f"hosts under CURVE, seed {seed}" if seed else "what has no keys is found in a capture"
            skip = f" # SKIP {reason}" if reason else ""
            print(f"{'not ' if status else ''}ok {number} - {name}{skip}")
            print("".join(f"# {line}\n" for line in said.splitlines()), end="", flush=True)
            failed += status != 0
    print(f"# {len(seeds)} runs, {failed} failed")
    sys.exit(0 if options.tap or not failed else 1)


if __name__ == "__main__":
    main()
