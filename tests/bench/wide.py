#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Thousands of workers at one ventilator: tests/bench/wide.py [--workers N] [--few N] [--tasks N]

One process plays them all: each has a connection and a session of its own, and copies its tasks at
once. Printed for few and for many workers, without keys and with them: how long until all have joined,
memory a worker in the ventilator, tasks a second, and processor time of the ventilator a task. This
script's own work limits the tasks a second, so compare few with many. Then a tenth of the many is lost
at once while it has tasks: how much longer the run takes. The output is compared each time.
"""

import argparse
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgpack
import zmq
from zmq.utils import z85

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/pipeline"))
from harness import assert_same, program_path, wait_for  # noqa: E402

HELLO_WORKER, WELCOME, REJECT, WHO, TASK, RESULT, DONE, FORGET, STOP, GOODBYE, PING = 1, 3, 4, 6, 7, 8, 9, 12, 17, 18, 19
LINK_OPEN, FINISHED, NONE = 1, 2, bytes(16)
LIVENESS_S = 10



class Keys:
    """What a socket needs of a worker's certificate; nothing without keys."""

    def __init__(self, directory):
        self.own = None
        if directory:
            text = (directory / "worker.key_secret").read_text()
            found = dict(re.findall(r'([a-z-]+) = "([^"]*)"', text))
            self.own = found["public-key"].encode(), found["secret-key"].encode()
            self.ventilator = found["ventilator-key"].encode()

    def put_on(self, socket, server):
        if self.own:
            socket.curve_publickey, socket.curve_secretkey = self.own
            socket.curve_serverkey = server


class Light:
    """A worker that is no more than its session."""

    def __init__(self, crowd):
        self.crowd = crowd
        self.uuid, self.run, self.epoch, self.joined, self.over, self.silent = os.urandom(16), NONE, 0, False, False, False
        self.ledger = {}
        self.socket = crowd.context.socket(zmq.DEALER)
        self.socket.set_hwm(0)
        self.socket.linger = 0
        crowd.keys.put_on(self.socket, crowd.keys.own and crowd.keys.ventilator)
        self.socket.connect(crowd.tasks)
        self.hello()

    def say(self, *fields):
        self.socket.send(msgpack.packb(fields, use_bin_type=True), zmq.NOBLOCK)

    def hello(self):
        ledger = [n for seq, attempt in self.ledger.items() for n in (seq, attempt, FINISHED)]
        about = ["host", os.getpid(), 1, LINK_OPEN, 0, b"light"]
        self.say(HELLO_WORKER, 2, self.uuid, 1, *about, self.run, self.epoch, ledger, [])

    def serve(self):
        """All that has come. The descriptor tells of a change alone: nothing may be left."""
        while not self.over:
            try:
                frame, *payload = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            kind, *fields = msgpack.unpackb(frame, raw=False, unicode_errors="surrogateescape")
            self.hear(kind, fields, b"".join(payload))

    def hear(self, kind, fields, payload):
        if kind == WELCOME:
            self.run, self.epoch = fields[10], fields[11]
            self.joined = True
            self.crowd.on_welcome(fields)
        elif kind == TASK and not self.silent:
            self.work(fields[1], payload)
        elif kind == FORGET and not fields[1]:
            for seq in fields[2][::2]:
                self.ledger.pop(seq, None)
        elif kind == WHO:
            self.hello()
        elif kind in (STOP, REJECT):
            assert kind == STOP, fields
            self.say(GOODBYE, 1)
            self.over = True

    def work(self, tasks, payload):
        results = [[seq, attempt, length, 1, mark, []] for seq, attempt, _, length, _, _, mark, *_ in tasks]
        header = msgpack.packb([RESULT, self.run, self.epoch, self.uuid, results], use_bin_type=True)
        self.crowd.push.send_multipart([header, payload])
        self.ledger.update((seq, attempt) for seq, attempt, *_ in tasks)
        self.say(DONE, 1, [[seq, attempt, 0, 1, 0, 0, False] for seq, attempt, *_ in tasks])


class Crowd:
    """All workers, and the one link on which they send their results."""

    def __init__(self, tasks, keys, count):
        self.tasks, self.keys, self.push = tasks, keys, None
        self.context = zmq.Context()
        self.context.max_sockets = 2 * count + 100
        self.poll = select.epoll()
        self.workers = {}
        self.next_ping = 0.0
        for _ in range(count):
            worker = Light(self)
            fd = worker.socket.getsockopt(zmq.FD)
            self.workers[fd] = worker
            self.poll.register(fd, select.EPOLLIN | select.EPOLLET)

    def on_welcome(self, fields):
        if not self.push:
            endpoint, key, *_ = fields[12][0]
            self.push = self.context.socket(zmq.PUSH)
            self.push.set_hwm(0)
            self.keys.put_on(self.push, z85.encode(key) if key else b"")
            self.push.connect(endpoint)

    def turn(self):
        now = time.monotonic()
        if now >= self.next_ping:
            self.next_ping = now + LIVENESS_S / 4
            for worker in self.workers.values():
                if worker.joined and not worker.over:
                    worker.say(PING, 1, LINK_OPEN, False, [])
                worker.serve()
        for fd, _ in self.poll.poll(0.05, len(self.workers)):
            self.workers[fd].serve()

    def until(self, done, what, deadline_s=300):
        end = time.monotonic() + deadline_s
        while not done():
            self.turn()
            assert time.monotonic() < end, f"waited in vain for {what}: {sum(worker.joined for worker in self.workers.values())} joined"

    def lose(self, share):
        """They take no word back of what they were given, and are never heard again."""
        lost = list(self.workers.items())[: int(len(self.workers) * share)]
        for fd, worker in lost:
            self.poll.unregister(fd)
            worker.socket.close(0)
            del self.workers[fd]
        return len(lost)

    def close(self):
        self.poll.close()
        self.context.destroy(linger=0)


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1]) << 10


def processor_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, directory, options):
        self.directory, self.options = Path(directory), options
        self.key_directory = self.directory / "keys"
        subprocess.run([program_path("fanfold-keygen"), self.key_directory], check=True)
        self.text = self.directory / "in"
        self.text.write_bytes(b"".join(b"record %d\n" % number for number in range(options.tasks)))

    def start(self, role, *words, **more):
        return subprocess.Popen([program_path(f"fanfold-{role}"), "--quiet", *map(str, words)], **more)

    def run(self, count, keyed, lose=0.0):
        """Seconds of the tasks."""
        told, target = self.directory / "where.json", self.directory / "out"
        common = ["--keys", self.key_directory] if keyed else ["--insecure"]
        common += ["--liveness", f"{LIVENESS_S}s"]
        words = ["--tasks", "tcp://127.0.0.1:*", "--endpoint-file", told, "-N", 1]
        ventilator = self.start("ventilator", *common, *words, stdin=subprocess.PIPE)
        wait_for(told.exists, "the ventilator to be bound")
        tasks = json.loads(told.read_text())["tasks"][0]
        with open(target, "wb") as output:
            sink = self.start("sink", *common, "--tasks", tasks, "--results", "tcp://127.0.0.1:*", stdout=output)
        wait_for(lambda: json.loads(told.read_text())["results"], "the sink")
        before, began = resident(ventilator.pid), time.monotonic()
        crowd = Crowd(tasks, Keys(self.key_directory if keyed else None), count)
        crowd.until(lambda: all(worker.joined for worker in crowd.workers.values()), "all to join")
        joined_s, memory = time.monotonic() - began, (resident(ventilator.pid) - before) / count
        spent, began = processor_s(ventilator.pid), time.monotonic()
        feeder = subprocess.Popen(["cat", self.text], stdout=ventilator.stdin)
        ventilator.stdin.close()
        if lose:
            lost = list(crowd.workers.values())[: int(count * lose)]
            for worker in lost:
                worker.silent = True
            crowd.until(lambda: target.stat().st_size > 0, "the first output")
            crowd.lose(lose)
        size, last = self.text.stat().st_size, 0.0

        def ended():
            nonlocal last
            if ventilator.poll() is None and not last:
                last = processor_s(ventilator.pid) if target.stat().st_size == size else 0.0
            return ventilator.poll() is not None and sink.poll() is not None

        crowd.until(lambda: target.stat().st_size == size or ended(), "the output")
        taken = time.monotonic() - began
        try:
            spent = processor_s(ventilator.pid) - spent
        except OSError:
            spent = 0.0
        crowd.until(ended, "the end")
        feeder.wait()
        crowd.close()
        assert (ventilator.returncode, sink.returncode) == (0, 0), (ventilator.returncode, sink.returncode)
        assert_same(target, self.text)
        kind = "keys" if keyed else "no keys"
        also = f", a share of {lose:.0%} lost at once" if lose else ""
        print(
            f"{count} workers, {kind}{also}: all joined after {joined_s:.2f} s, {memory / 1024:.1f} KiB a worker; "
            f"{self.options.tasks / taken:,.0f} tasks/s in {taken:.1f} s, ventilator {1e6 * spent / self.options.tasks:.1f} us a task",
            flush=True,
        )
        return taken


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2000)
    parser.add_argument("--few", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=200000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fanfold-bench-") as directory:
        bench = Bench(directory, options)
        for keyed in (False, True):
            for count in (options.few, options.workers):
                bench.run(count, keyed)
            bench.run(options.workers, keyed, lose=0.1)


if __name__ == "__main__":
    main()
