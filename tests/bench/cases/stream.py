# SPDX-License-Identifier: MIT
"""How long a person, or a program behind a pipe, waits."""

import os
import select
import statistics
import subprocess
import time

from measure.bench import ECHO, MILLISECONDS
from measure.contest import Contender
from measure.outcome import Outcome

RECORDS, RATE = 2000, 500
STARTS = 5  # a round


class Stream:
    """Records at a rate into a program, each with the time; and how long each took."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.took_s, self.rest = [], b""

    def take(self, patience_s):
        if not select.select([self.process.stdout], [], [], patience_s)[0]:
            return
        *lines, self.rest = (self.rest + os.read(self.process.stdout.fileno(), 65536)).split(b"\n")
        now = time.monotonic_ns()
        for line in lines:
            number, sent = map(int, line.split())
            assert number == len(self.took_s), f"record {number} came where {len(self.took_s)} should"
            self.took_s.append((now - sent) / 1e9)

    def send(self, number):
        self.process.stdin.write(b"%d %d\n" % (number, time.monotonic_ns()))

    def run(self):
        """Seconds of each record; the first comes alone, when the program is there."""
        self.send(0)
        while not self.took_s:
            self.take(60)
        began = time.monotonic()
        for number in range(1, RECORDS):
            while (ahead := began + number / RATE - time.monotonic()) > 0:
                self.take(ahead)
            self.send(number)
        while len(self.took_s) < RECORDS:
            self.take(60)
        self.process.stdin.close()
        assert self.process.wait() == 0
        self.process.stdout.close()
        return self.took_s[1:]


def latency(bench):
    """A stream of 500 records a second, one a chunk: how long after a record its result comes"""
    outcome = Outcome("latency", latency.__doc__)
    ways = {
        "fanfold plugin": bench.fanfold("-N", 1, "--plugin", ECHO),
        "fanfold lines": bench.fanfold("-N", 1, "--mode", "lines", "--", "cat"),
        "fanfold exec": bench.fanfold("-N", 1, "--", "cat"),
        "a pipe with cat": ["cat"],
    }
    for _ in range(bench.rounds):
        for name, command in ways.items():
            took = statistics.quantiles(Stream(command).run(), n=100)
            outcome.add(f"{name}, p50", "ms", 1000 * took[49])
            outcome.add(f"{name}, p99", "ms", 1000 * took[98])
    return outcome


def start(bench):
    """echo x | fanfold -- cat, against echo x | parallel --pipe -k cat: what a run costs that has nothing to do"""
    outcome = Outcome("start", start.__doc__)
    source = bench.directory / "x"
    source.write_bytes(b"x\n")
    contenders = [
        Contender("fanfold -- cat", bench.fanfold("--", "cat")),
        Contender("parallel --pipe -k cat", ["parallel", "--will-cite", "-j2", "--pipe", "-k", "cat"], ("parallel",)),
    ]
    for _ in range(STARTS):
        bench.contest(outcome, contenders, source, MILLISECONDS)
    outcome.ratio(contenders[0].name, contenders[1].name)
    return outcome
