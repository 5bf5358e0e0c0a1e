#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""fanfold.map against Pool.imap, ProcessPoolExecutor.map and joblib's loky, each in a process of its own, in turn.

    tests/bench/map.py [--build DIR] [--rounds N] [--scale X] [CASE...]

--scale makes every case smaller or larger. A contender that does not end within --limit seconds is killed, and said to
hang. The numbers are medians; memory is the peak of the calling process.
"""

import argparse
import itertools
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JOBS = 2
SPINS = int(os.environ.get("MAP_SPINS", "0"))  # turns of the loop in 10 microseconds
STATE = None
KEEP = []  # pools that must not be collected


def spin(count):
    for _ in itertools.repeat(None, count):
        pass


def us10(x):
    spin(SPINS)
    return x


def ms1(x):
    spin(SPINS * 100)
    return x


def ms100(x):
    spin(SPINS * 10000)
    return x


def same(x):
    return x


def double(array):
    return array * 2


def dies(x):
    if x == 50:
        try:
            os.close(os.open(os.environ["MAP_ONCE"], os.O_CREAT | os.O_EXCL))
            os.kill(os.getpid(), signal.SIGKILL)
        except FileExistsError:
            pass
    return x


def prepare():
    global STATE
    end = time.process_time() + 2
    while time.process_time() < end:
        pass
    STATE = 1


def with_state(x, state=None):
    assert state or STATE
    return x


def arrays(count):
    import numpy

    for x in range(count):
        yield numpy.full(100 << 17, x, dtype=numpy.float64)


# name: function, items (times the scale), the peers' chunksize
CASES = {
    "10 us": (us10, 200_000, 1000),
    "1 ms": (ms1, 4_000, 10),
    "100 ms": (ms100, 60, 1),
    "generator": (same, 10_000_000, 1000),
    "2 s preparation": (with_state, 1000, 10),
    "100 MiB arrays": (double, 12, 1),
    "a killed worker": (dies, 100, 1),
}


def prepared(state):
    prepare()
    return 1


def fanfold_map(function, items, chunksize, preparing):
    import fanfold

    if preparing:
        return fanfold.map(function, items, jobs=JOBS, prepare=lambda: prepare() or 1)
    return fanfold.map(function, items, jobs=JOBS)


def pool_imap(function, items, chunksize, preparing):
    import multiprocessing

    pool = multiprocessing.Pool(JOBS, prepare if preparing else None)
    KEEP.append(pool)
    return pool.imap(function, items, chunksize)


def executor_map(function, items, chunksize, preparing):
    import concurrent.futures

    pool = concurrent.futures.ProcessPoolExecutor(JOBS, initializer=prepare if preparing else None)
    KEEP.append(pool)
    return pool.map(function, items, chunksize=chunksize)


def prepare_once_and(function, x):
    if STATE is None:
        prepare()
    return function(x)


def joblib_loky(function, items, chunksize, preparing):
    import joblib

    if preparing:
        calls = (joblib.delayed(prepare_once_and)(function, x) for x in items)
    else:
        calls = (joblib.delayed(function)(x) for x in items)
    return joblib.Parallel(n_jobs=JOBS)(calls)


CONTENDERS = {"fanfold.map": fanfold_map, "Pool.imap": pool_imap, "ProcessPoolExecutor.map": executor_map, "joblib, loky": joblib_loky}


def contend(case, contender, scale):
    """In the contender's process."""
    function, count, chunksize = CASES[case]
    count = max(4, int(count * scale))
    items = arrays(count) if "arrays" in case else iter(range(count))
    began = time.monotonic()
    first, seen = None, 0
    for value in CONTENDERS[contender](function, items, chunksize, "preparation" in case):
        if "arrays" in case:
            assert value[0] == 2 * seen and value[-1] == 2 * seen, (value[0], seen)
        else:
            assert value == seen, (value, seen)
        seen += 1
        first = first or time.monotonic() - began
    assert seen == count, (seen, count)
    seconds = time.monotonic() - began
    print(json.dumps([seconds, first, count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]), flush=True)
    os.killpg(0, signal.SIGKILL)  # a pool's processes would keep our output open


def calibrate():
    spins = 1000
    began = time.process_time()
    for _ in range(300):
        spin(spins)
    return max(1, int(spins * 300 * 10e-6 / (time.process_time() - began)))


def measure(case, contender, options, environment):
    """(seconds, first, count, MiB), or how it failed."""
    once = Path(f"/tmp/fanfold-bench-map-{os.getpid()}")
    command = [sys.executable, __file__, "--scale", str(options.scale), "--contend", case, contender]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**environment, "MAP_ONCE": str(once)}, start_new_session=True
    )
    try:
        out, errors = process.communicate(timeout=options.limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"hangs (killed after {options.limit} s)"
    finally:
        once.unlink(missing_ok=True)
    if not out:
        lines = errors.decode(errors="replace").strip().splitlines() or ["status " + str(process.returncode)]
        return lines[-1][:90]
    return json.loads(out)


def report(case, contender, results):
    good = [result for result in results if not isinstance(result, str)]
    if not good:
        return f"{case:16} {contender:24} {results[0]}"
    seconds, first, count, memory = (statistics.median(values) for values in zip(*good))
    return f"{case:16} {contender:24} {seconds:8.2f} s {count / seconds:12.0f} /s  first {first:6.2f} s {memory:7.0f} MiB"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=ROOT / "build", type=Path)
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--scale", default=1.0, type=float)
    parser.add_argument("--limit", default=120.0, type=float)
    parser.add_argument("--contend", nargs=2)
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    if options.contend:
        contend(*options.contend, options.scale)
    environment = {
        **os.environ,
        "PYTHONPATH": str(options.build / "worker/sdk"),
        "PATH": f"{options.build / 'deploy/local'}:{os.environ['PATH']}",
        "MAP_SPINS": str(calibrate()),
    }
    for case in options.cases or CASES:
        results = {contender: [] for contender in CONTENDERS}
        for _ in range(options.rounds):
            for contender, outcomes in results.items():
                outcomes.append(measure(case, contender, options, environment))
        for contender, outcomes in results.items():
            print(report(case, contender, outcomes), flush=True)


if __name__ == "__main__":
    main()
