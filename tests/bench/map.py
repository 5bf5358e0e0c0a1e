#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""fanfold.map against Pool.imap, ProcessPoolExecutor.map and joblib's loky, each in a process of its own, in turn.

    tests/bench/map.py [--build DIR] [--rounds N] [--scale X] [--limit S] [--skip NAME]... [CASE...]

--scale makes every case smaller or larger; --skip leaves a contender out. A contender that does not end within --limit
seconds is killed, and said to hang. Each line has medians, and the least and the most in brackets:

    the time from the import of the contender's package until the last value, and the rate that this is
    first       the time until the first value
    end         how long the processes took to end after the last value
    processors  the processor time of all processes, with the start of the first Python
    caller      the peak of the calling process
    times       how many times as long as fanfold.map it took, round by round, with quartiles in the brackets

Where memory is the question, a second line has the proportional size (PSS) of all processes, five times a second: the
most in the second quarter of the run, then in the last one; and the same of the calling process alone. Memory files that
are open count in full.
"""

import argparse
import contextlib
import ctypes
import itertools
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JOBS = 2
SPINS = int(os.environ.get("MAP_SPINS", "0"))  # turns of the loop in 10 microseconds
STATE = None
SAMPLE_S = 0.2
PR_SET_CHILD_SUBREAPER = 36


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


def arrays(count, size):
    import numpy

    for x in range(count):
        yield numpy.full(size // 8, x, dtype=numpy.float64)


# name: function, items (times the scale), the peers' chunksize
CASES = {
    "10 us": (us10, 200_000, 1000),
    "1 ms": (ms1, 4_000, 10),
    "100 ms": (ms100, 60, 1),
    "generator": (same, 10_000_000, 1000),
    "2 s preparation": (with_state, 1000, 10),
    "100 KiB arrays": (double, 6000, 10),
    "100 MiB arrays": (double, 12, 1),
    "a killed worker": (dies, 100, 1),
}
SAMPLED = ("generator", "100 MiB arrays")  # where memory is the question


# Each gives the values, and what ends the processes.


def fanfold_map(function, items, chunksize, preparing):
    import fanfold

    values = fanfold.map(function, items, jobs=JOBS, prepare=(lambda: prepare() or 1) if preparing else None)
    return values, values.close


def pool_imap(function, items, chunksize, preparing):
    import multiprocessing

    pool = multiprocessing.Pool(JOBS, prepare if preparing else None)

    def end():
        pool.terminate()
        pool.join()

    return pool.imap(function, items, chunksize), end


def executor_map(function, items, chunksize, preparing):
    import concurrent.futures

    pool = concurrent.futures.ProcessPoolExecutor(JOBS, initializer=prepare if preparing else None)
    return pool.map(function, items, chunksize=chunksize), pool.shutdown


def prepare_once_and(name, x):
    if STATE is None:
        prepare()
    return globals()[name](x)


def joblib_loky(function, items, chunksize, preparing):
    import joblib
    import map as cases  # this file: its functions travel by name, and STATE lasts, only if it is a module
    from joblib.externals.loky import get_reusable_executor

    if preparing:
        calls = (joblib.delayed(cases.prepare_once_and)(function.__name__, x) for x in items)
    else:
        call = joblib.delayed(getattr(cases, function.__name__))
        calls = (call(x) for x in items)
    return joblib.Parallel(n_jobs=JOBS)(calls), lambda: get_reusable_executor().shutdown(wait=True)


CONTENDERS = {"fanfold.map": fanfold_map, "Pool.imap": pool_imap, "ProcessPoolExecutor.map": executor_map, "joblib, loky": joblib_loky}


def contend(case, contender, scale, result):
    """In the contender's process."""
    function, count, chunksize = CASES[case]
    count = max(4, int(count * scale))
    items = arrays(count, 100 << (20 if "MiB" in case else 10)) if "arrays" in case else iter(range(count))
    began = time.monotonic()
    first = last = None
    seen = 0
    values, end = CONTENDERS[contender](function, items, chunksize, "preparation" in case)
    for value in values:
        if "arrays" in case:
            assert value[0] == 2 * seen and value[-1] == 2 * seen, (value[0], seen)
        else:
            assert value == seen, (value, seen)
        seen += 1
        first = first or time.monotonic() - began
        if seen == count:
            last = time.monotonic() - began
    end()
    assert seen == count, (seen, count)
    ended = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    Path(result).write_text(json.dumps({"last": last, "first": first, "end": ended - last, "count": count, "peak": peak}))
    sys.stdout.flush()
    os._exit(0)


def calibrate():
    spins = 1000
    began = time.process_time()
    for _ in range(300):
        spin(spins)
    return max(1, int(spins * 300 * 10e-6 / (time.process_time() - began)))


def descendants():
    """All that were started here, as this process is the subreaper."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                text = Path("/proc", entry, "stat").read_text()
                parents.setdefault(int(text[text.rindex(")") + 2 :].split()[1]), []).append(int(entry))
    found, rest = [], [os.getpid()]
    while rest:
        children = parents.get(rest.pop(), [])
        found += children
        rest += children
    return found


def proportional(pid):
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0


def memory_files(pids):
    """MiB of those that are open: no process need have mapped them."""
    sizes = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(entry.path).startswith("/memfd:"):
                        found = os.stat(entry.path)
                        sizes[found.st_ino] = found.st_blocks * 512
    return sum(sizes.values()) / 2**20


def watch(pid, limit, sampled):
    """(samples, processor time) of all, until they have ended; None in place of the second if they do not."""
    samples, seconds = [], 0.0
    began = time.monotonic()
    due = began
    while True:
        try:
            ended, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return samples, seconds
        if ended:
            seconds += usage.ru_utime + usage.ru_stime
            continue
        now = time.monotonic()
        if now - began > limit:
            break
        if sampled and now >= due:
            pids = descendants()
            samples.append((proportional(pid), sum(map(proportional, pids)) + memory_files(pids)))
            due = now + SAMPLE_S
        time.sleep(0.01)
    while pids := descendants():
        for left in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(left, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.wait4(-1, 0)
    return samples, None


def measure(case, contender, options, environment):
    """Its figures, or how it failed."""
    with tempfile.TemporaryDirectory() as directory:
        result, errors = Path(directory, "result"), Path(directory, "errors")
        command = [sys.executable, __file__, "--scale", str(options.scale), "--contend", case, contender, str(result)]
        with open(errors, "wb") as stderr:
            process = subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={**environment, "MAP_ONCE": str(Path(directory, "once"))},
                start_new_session=True,
            )
            samples, seconds = watch(process.pid, options.limit, case in SAMPLED)
        process.returncode = 0  # watch has waited for it
        if result.exists() and seconds is not None:
            return {**json.loads(result.read_text()), "cpu": seconds, "samples": samples}
        if seconds is None:
            return f"hangs (killed after {options.limit:.0f} s)"
        lines = [line for line in errors.read_text(errors="replace").splitlines() if "Error" in line or "Pool" in line]
        return (lines or ["no result"])[-1][:90]


def spread(values, form):
    median = format(statistics.median(values), form)
    return median if len(values) == 1 else f"{median} ({format(min(values), form)} to {format(max(values), form)})"


def quarter(samples, number, which):
    part = samples[len(samples) * (number - 1) // 4 : len(samples) * number // 4]
    return max((sample[which] for sample in part), default=0)


def ratios(results, ours):
    pairs = [(result, own) for result, own in zip(results, ours) if not isinstance(result, str) and not isinstance(own, str)]
    return [result["last"] / own["last"] for result, own in pairs]


def report(case, contender, results, ours):
    good = [result for result in results if not isinstance(result, str)]
    head = f"{case:16} {contender:24}"
    if not good:
        return f"{head} {results[0]}"
    of = {name: [result[name] for result in good] for name in good[0]}
    rate = good[0]["count"] / statistics.median(of["last"])
    line = (
        f"{head} {spread(of['last'], '.2f')} s, {rate:.{0 if rate >= 100 else 1}f}/s, first {spread(of['first'], '.2f')} s, "
        f"end {statistics.median(of['end']):.2f} s, processors {spread(of['cpu'], '.2f')} s, "
        f"caller {statistics.median(of['peak']):.0f} MiB"
    )
    times = ratios(results, ours) if results is not ours else []
    if times:
        line += f", {statistics.median(times):.2f} times"
    if len(times) > 1:
        low, _, high = statistics.quantiles(times, n=4, method="inclusive")
        line += f" ({low:.2f} to {high:.2f})"
    if case in SAMPLED:
        for which, whose in ((1, "all"), (0, "caller")):
            second, last = (
                statistics.median(quarter(samples, number, which) for samples in of["samples"]) for number in (2, 4)
            )
            line += f"{', ' if which == 0 else chr(10) + ' ' * 42}{whose} {second:.0f} then {last:.0f} MiB"
    return line


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=ROOT / "build", type=Path)
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--scale", default=1.0, type=float)
    parser.add_argument("--limit", default=120.0, type=float)
    parser.add_argument("--contend", nargs=3)
    parser.add_argument("--skip", action="append", choices=list(CONTENDERS), default=[])
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    if options.contend:
        case, contender, result = options.contend
        contend(case, contender, options.scale, result)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{options.build / 'worker/sdk'}:{Path(__file__).parent}",
        "PATH": f"{options.build / 'deploy/local'}:{os.environ['PATH']}",
        "MAP_SPINS": str(calibrate()),
    }
    # The peers' packages have their modules compiled, too.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for case in options.cases or CASES:
        results = {contender: [] for contender in CONTENDERS if contender not in options.skip}
        for _ in range(options.rounds):
            for contender, outcomes in results.items():
                outcomes.append(measure(case, contender, options, environment))
        for contender, outcomes in results.items():
            print(report(case, contender, outcomes, results.get("fanfold.map", [])), flush=True)


if __name__ == "__main__":
    main()
