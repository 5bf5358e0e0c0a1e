#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Messages through a run: tests/bench/messages.py [--rounds N] [--seconds S] [--rate N] [--messages N] [CASE...]

A producer and a consumer, by pyzmq, are the same for all; between them are in turn a bare worker (PULL to
PUSH, a loop of two calls) and a run of fanfold. Cases:

latency     at --rate messages a second: the time from the producer to the consumer, p50 and p99, and
            how many times that of the bare worker in the same round. Beside them, at the same rate,
            `start`: a process of `cat` is started, given a message, read to its end and awaited. Mode exec
            cannot take less than that and the bare worker together, and is also compared with the sum
throughput  100 bytes and 10 KB each, as fast as they go: messages a second, and times the bare worker's
order       --messages of them, each expected in its place, while the consumer stands still for ten
            seconds in the middle; the ends bind, then the run does. Prints the memory's peak
idle        an endless run to which nothing comes: processor time of all its processes
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zmq

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/pipeline"))
from harness import build_directory, program_path, wait_for  # noqa: E402
from processes import cpu_seconds, descendants, memory_of  # noqa: E402

WAYS = {
    "plugin": ["--plugin", str(build_directory() / "worker/examples/echo.so")],
    "lines": ["--mode", "lines", "--", "cat"],
    "frames": ["--mode", "frames", "--", sys.executable, "-c", "import fanfold; fanfold.serve(lambda chunk, _: chunk)"],
    "exec": ["--", "cat"],
}
STAND_STILL_S = 10
PARTED = b" "


# ---- the processes of a measurement ----


def bare_worker(source, target):
    context = zmq.Context()
    pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    pull.connect(source)
    push.connect(target)
    while True:
        push.send(pull.recv())


def keep_pace(began, number, rate):
    """Until it is time for this message; with rate 0, it is."""
    if rate and (ahead := number / rate - (time.monotonic() - began)) > 0:
        time.sleep(ahead)


def producer(endpoint, count, size, rate, bind):
    """Messages of a number, the time in nanoseconds, and filler; as fast as they go with rate 0."""
    socket = zmq.Context().socket(zmq.PUSH)
    (socket.bind if bind else socket.connect)(endpoint)
    filler = b"x" * size
    began = time.monotonic()
    for number in range(count):
        keep_pace(began, number, rate)
        socket.send((b"%d %d " % (number, time.monotonic_ns()) + filler)[: max(size, 40)])
    socket.close(linger=-1)
    socket.context.term()


@contextlib.contextmanager
def playing(role, *words):
    """A process that plays a role of this file."""
    process = subprocess.Popen([sys.executable, "-B", __file__, "--play", role, *map(str, words)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def fanfold(*words):
    process = subprocess.Popen([program_path("fanfold"), "--quiet", "-j2", *map(str, words)])
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def between(way, source, target):
    """What stands between the two ends."""
    if way == "bare":
        return playing("bare", source, target)
    return fanfold("-i", f"pull:{source}", "-o", f"push:{target}", *WAYS[way])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Ends:
    """The endpoints of a measurement in a directory of its own; the consumer is bound."""

    def __init__(self, directory):
        self.directory = tempfile.mkdtemp(dir=directory)
        # Not by ipc://: a producer that ends while the run's queue is full would lose what its system still holds.
        self.source = f"tcp://127.0.0.1:{free_port()}"
        self.target = f"ipc://{self.directory}/out"
        self.consumer = zmq.Context().socket(zmq.PULL)
        self.consumer.bind(self.target)

    def receive(self):
        if not self.consumer.poll(60000):
            raise SystemExit("no message came for a minute")
        return self.consumer.recv()

    def close(self):
        self.consumer.close(linger=0)


# ---- the cases ----


def latencies(options, directory, way):
    """(p50, p99) in milliseconds, without the first second."""
    ends = Ends(directory)
    count = int(options.rate * (options.seconds + 1))
    took = []
    with between(way, ends.source, ends.target):
        with playing("producer", ends.source, count, 100, options.rate, 1):
            for number in range(count):
                _, sent, _ = ends.receive().split(PARTED, 2)
                if number >= options.rate:
                    took.append(time.monotonic_ns() - int(sent))
    ends.close()
    took.sort()
    return took[len(took) // 2] / 1e6, took[len(took) * 99 // 100] / 1e6


def start_once(program, message):
    """Nanoseconds that one process takes with a message."""
    began = time.monotonic_ns()
    (their_input, ours), (output, theirs) = os.pipe(), os.pipe()
    streams = [(os.POSIX_SPAWN_DUP2, their_input, 0), (os.POSIX_SPAWN_DUP2, theirs, 1)]
    pid = os.posix_spawn(program, [program], os.environ, file_actions=streams)
    os.close(their_input)
    os.close(theirs)
    os.write(ours, message)
    os.close(ours)
    while os.read(output, 65536):
        pass
    os.waitpid(pid, 0)
    os.close(output)
    return time.monotonic_ns() - began


def starts(options):
    """(p50, p99) in milliseconds of a process alone, with nothing of fanfold."""
    took, program = [], shutil.which("cat")
    began = time.monotonic()
    for number in range(int(options.rate * options.seconds)):
        keep_pace(began, number, options.rate)
        took.append(start_once(program, b"x" * 100))
    took.sort()
    return took[len(took) // 2] / 1e6, took[len(took) * 99 // 100] / 1e6


def times(found, bases):
    """A line's figures: medians, and how many times those of the same rounds' bases."""
    line = ""
    for name, index in (("p50", 0), ("p99", 1)):
        line += f" {name} {statistics.median(pair[index] for pair in found):.2f} ms"
        for base, pairs in bases.items():
            ratio = statistics.median(mine[index] / other[index] for mine, other in zip(found, pairs))
            line += f" ({ratio:.1f} times {base})"
    return line


def latency(options, directory):
    seen = {way: [] for way in ("bare", "start", *WAYS)}
    for _ in range(options.rounds):
        for way, found in seen.items():
            found.append(starts(options) if way == "start" else latencies(options, directory, way))
    both = [tuple(map(sum, zip(*pairs))) for pairs in zip(seen["bare"], seen["start"])]
    for way, found in seen.items():
        bases = {"bare": seen["bare"]} | ({"bare + start": both} if way == "exec" else {})
        print(f"latency at {options.rate}/s, {way}:{times(found, bases)}", flush=True)


def rate_of(options, directory, way, size):
    """Messages a second, from the first that came to the last."""
    ends = Ends(directory)
    count = options.messages if size <= 1000 else options.messages // 20
    with between(way, ends.source, ends.target):
        with playing("producer", ends.source, count, size, 0, 1):
            ends.receive()
            began = time.monotonic()
            for _ in range(count - 1):
                ends.receive()
            took = time.monotonic() - began
    ends.close()
    return (count - 1) / took


def throughput(options, directory):
    for size in (100, 10000):
        seen = {way: [] for way in ("bare", "plugin", "lines", "exec")}
        for _ in range(options.rounds):
            for way, found in seen.items():
                found.append(rate_of(options, directory, way, size))
        for way, found in seen.items():
            ratio = statistics.median(mine / bare for mine, bare in zip(found, seen["bare"]))
            print(f"throughput, {size} B, {way}: {statistics.median(found):.0f}/s ({ratio:.2f} times)", flush=True)


def in_order(options, directory, bound_by_run):
    """The peak of the run's memory in bytes."""
    ends = Ends(directory)
    target, at = ends.target, "@" if bound_by_run else ""
    if bound_by_run:
        ends.consumer.unbind(target)
        ends.consumer.connect(target)
    peak = 0
    with fanfold("-i", f"pull:{at}{ends.source}", "-o", f"push:{at}{target}", *WAYS["plugin"]) as run:
        with playing("producer", ends.source, options.messages, 100, 0, int(not bound_by_run)):
            for number in range(options.messages):
                if number == options.messages // 2:
                    end = time.monotonic() + STAND_STILL_S
                    while time.monotonic() < end:
                        peak = max(peak, memory_of(descendants(run.pid))[1])
                        time.sleep(0.5)
                found = int(ends.receive().split(PARTED, 1)[0])
                if found != number:
                    raise SystemExit(f"message {found} came where {number} should")
                if number % 50000 == 0:
                    peak = max(peak, memory_of(descendants(run.pid))[1])
    ends.close()
    return peak


def order(options, directory):
    for bound, words in ((False, "the ends bind"), (True, "the run binds")):
        peak = in_order(options, directory, bound)
        print(f"order, {words}: {options.messages} messages in their places, memory at most {peak / (1 << 20):.0f} MiB", flush=True)


def idle(options, directory):
    ends = Ends(directory)
    feeder = zmq.Context().socket(zmq.PUSH)
    feeder.bind(ends.source)
    for way, words in WAYS.items():
        with fanfold("-i", f"pull:{ends.source}", "-o", f"push:{ends.target}", *words) as run:
            feeder.send(b"first")
            ends.receive()
            pids = descendants(run.pid)
            before, began = cpu_seconds(pids), time.monotonic()
            time.sleep(options.seconds)
            share = (cpu_seconds(pids) - before) / (time.monotonic() - began)
        print(f"idle, {way}: {100 * share:.2f} % of a core, {len(pids)} processes", flush=True)
    feeder.close(linger=0)
    ends.close()


CASES = {"latency": latency, "throughput": throughput, "order": order, "idle": idle}


def play(role, *words):
    if role == "bare":
        bare_worker(*words)
    else:
        endpoint, *numbers = words
        producer(endpoint, *map(int, numbers))


def main():
    if sys.argv[1:2] == ["--play"]:
        return play(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--messages", type=int, default=1000000)
    parser.add_argument("case", nargs="*", metavar="CASE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fanfold-bench-") as directory:
        for name in options.case or CASES:
            CASES[name](options, directory)
    return None


if __name__ == "__main__":
    main()
