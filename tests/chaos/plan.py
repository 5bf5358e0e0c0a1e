# SPDX-License-Identifier: MIT
"""What a seed means: the shape of a run, and which faults come when.

A Plan is made of nothing but the seed and of what the programs and this machine can do; it
is the same each time. When a fault comes is said as a time since the one before, whom it
hits as a number between 0 and 1 among those who are there then.
"""

import dataclasses
import random

LENGTH_S = 5.5  # how long faults go on, at least
LONGEST_S = 9.0  # no fault comes after that: the machine is slow
ENDING_MOST = 3  # faults in a run after which all has to be started again

# kind -> (weight, shortest and longest hold in s or, with L, in liveness times)
KILLS = {
    "kill worker": 5,
    "kill supervisor": 1,
    "kill zygote": 1,
    "kill user program": 4,
    "kill all workers": 1,
}
STOPS = {
    "stop worker": 2,
    "stop supervisor": 1,
    "stop zygote": 0.5,
    "stop user program": 1,
    "stop sink": 2,
    "stop ventilator": 2,
    "stop all": 1,
}
WORKERS = {"join": 1, "leave": 2}
LINKS = {"unplug": 2, "lose one way": 2, "break connections": 3, "unplug all": 0.5}
ENDS = {"kill sink": 4, "kill ventilator": 4}
# After these, nothing of the run is left, and all is started again.
ENDINGS = {"kill all": 1.5, "fill disk": 2, "interrupt": 1.5, "terminate": 0.5, "kill commit helper": 0.7}
SECOND_ENDS = {"second sink": 0.5, "second ventilator": 0.5}
LAUNCHER = {"kill launcher": 1.5, "stop launcher": 0.7}


@dataclasses.dataclass
class Fault:
    kind: str
    gap_s: float  # since the fault before
    hold_s: float  # how long it lasts, or until what it ended is started again
    pick: float  # which of those who are there

    def __str__(self):
        return f"+{self.gap_s:.2f} {self.kind} ({self.hold_s:.2f} s, {self.pick:.2f})"


@dataclasses.dataclass
class Plan:
    seed: int
    shape: str  # "separate", "launched"
    network: str  # "ipc", "hosts" (network namespaces), "proxy"
    keys: bool  # on the links of a network
    input: str  # "file", "stream"
    output: str  # "file", "reader" (a pipe, whose reader pauses)
    workers: list  # "exec" or "plugin" each
    slots: int
    cut: list  # the options that say what a chunk is
    window: int
    buffer: str
    liveness_s: float
    on_error: str  # "stop", "skip", "isolate"
    bad: int  # records that fail
    resume_at_once: bool  # --resume is said at the first start, too
    faults: list

    def __str__(self):
        words = [f"{field.name}={getattr(self, field.name)}" for field in dataclasses.fields(self)[:-1]]
        return " ".join(words) + "".join(f"\n    {fault}" for fault in self.faults)


def kinds_for(plan, can):
    """{kind: weight} of the faults that a run of this shape survives."""
    kinds = {**KILLS, **STOPS}
    resumable = plan.output == "file" and "resume" in can
    if plan.shape == "separate":
        kinds.update({**WORKERS, **SECOND_ENDS})
        if plan.output == "reader":
            # Without a lock, a second sink succeeds the first one while that is stopped.
            del kinds["second sink"]
    if plan.network != "ipc":
        kinds.update(LINKS)
    if plan.output == "reader":
        kinds["pause reader"] = 6
    if resumable:
        kinds.update({**ENDS, **ENDINGS})
    if resumable and plan.shape == "launched":
        kinds.update(LAUNCHER)
    if "plugin" not in plan.workers:
        kinds = {kind: weight for kind, weight in kinds.items() if "zygote" not in kind}
    return kinds


def hold_of(chance, kind, liveness_s):
    if kind.startswith("stop") or kind in LINKS:
        # Most are shorter than the liveness time, some are longer.
        return chance.choice([0.1, 0.3, 0.5, 0.9, 1.6]) * liveness_s * chance.uniform(0.6, 1.1)
    if kind == "pause reader":
        return chance.uniform(0.2, 1.5)
    return chance.choice([0.0, chance.uniform(0.0, 0.3), chance.uniform(0.2, 1.2)])


def faults_for(chance, plan, can):
    kinds = kinds_for(plan, can)
    faults, time_s, endings = [], 0.0, 0
    while True:
        kind = chance.choices(list(kinds), list(kinds.values()))[0]
        gap_s = chance.choice([chance.uniform(0.0, 0.1), chance.uniform(0.1, 0.8), chance.uniform(0.1, 0.8)])
        fault = Fault(kind, gap_s, hold_of(chance, kind, plan.liveness_s), chance.random())
        ends = kind in ENDINGS or kind in LAUNCHER or (plan.shape == "launched" and kind in ENDS)
        if ends and endings == ENDING_MOST:
            continue
        endings += ends
        time_s += gap_s
        if time_s > LENGTH_S:
            return faults
        faults.append(fault)


def make_plan(seed, can):
    """`can`: a set of "resume", "skip", "isolate", "hosts", "proxy"."""
    chance = random.Random(f"chaos {seed}")
    shape = chance.choice(["separate", "separate", "separate", "launched"])
    far = shape == "separate" and chance.random() < 0.55
    network = "hosts" if "hosts" in can else "proxy"
    kind = chance.choice(["exec", "plugin", "both"])
    count = chance.randint(2, 4) if shape == "separate" else 1
    kinds = ["exec", "plugin"] if kind == "both" else [kind]
    liveness_s = chance.choice([1.0, 1.5, 2.5])
    reader = chance.random() < 0.2
    on_error = chance.choices(["stop", "skip", "isolate"], [5, 3, 2])[0]
    if on_error not in can or reader:
        on_error = "stop"
    plan = Plan(
        seed=seed,
        shape=shape,
        network=network if far else "ipc",
        keys=bool(far and seed % 4),
        input=chance.choice(["file", "stream"]),
        output="reader" if reader else "file",
        workers=[kinds[number % len(kinds)] for number in range(count)],
        slots=chance.randint(2, 3) if shape == "separate" else 4,
        cut=chance.choice([["--block", "8K"], ["--block", "5000"], ["-N", "150"], ["--block", "24K"]]),
        window=chance.choice([16, 64, 4096]),
        buffer=chance.choice(["64K", "1M", "256M"]),
        liveness_s=liveness_s,
        on_error=on_error,
        bad=chance.randint(1, 5) if on_error != "stop" else 0,
        resume_at_once=chance.random() < 0.5,
        faults=[],
    )
    plan.faults = faults_for(chance, plan, can)
    return plan
