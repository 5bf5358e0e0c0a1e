#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How busy a worker's slots are where the way to it is long: tests/bench/trip.py [TRIP_MS RUN_MS TASKS]

Tasks that sleep, one line each, go to one worker of 4 slots over links that hold every byte
for half the round trip. Printed is the share of its slots' time for which tasks ran; what is
missing at a round trip of 0 is what a process costs.
"""

import contextlib
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/pipeline"))
from harness import program_path, wait_for  # noqa: E402
from proxy import PIECE, Proxy  # noqa: E402

SLOTS = 4
CASES = [(0, 40, 400), (50, 10, 400), (50, 40, 400), (50, 200, 100), (200, 40, 800)]


class Late(Proxy):
    """Holds all that passes for a while."""

    def __init__(self, delay):
        self.delay = delay
        super().__init__()

    def pump(self, pair, source, sink, way):
        pieces = queue.Queue()
        sender = threading.Thread(target=self.send, args=[pieces, sink], daemon=True)
        sender.start()
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                pieces.put((time.monotonic() + self.delay, data))
        pieces.put((time.monotonic() + self.delay, b""))
        sender.join()

    def send(self, pieces, sink):
        with contextlib.suppress(OSError):
            while True:
                at, data = pieces.get()
                threading.Event().wait(max(0, at - time.monotonic()))
                if not data:
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def start(directory, name, *words):
    with open(directory / name, "wb") as log:
        return subprocess.Popen([program_path(f"fanfold-{name}"), "--insecure", *words], stderr=log)


def port_of(directory, name, what):
    prefix = f"bound {what}=tcp://127.0.0.1:"
    text = wait_for(lambda: prefix in (said := (directory / name).read_text()) and said, f"the port of {what}")
    return int(text.split(prefix)[1].split()[0])


def measure(directory, trip_ms, run_ms, count):
    tasks, results = Late(trip_ms / 2000), Late(trip_ms / 2000)
    lines, notes = directory / "lines", directory / "notes"
    lines.write_text("".join(f"{number}\n" for number in range(count)))
    info = ["--log-level", "info"]
    ventilator = start(directory, "ventilator", *info, "--tasks", "tcp://127.0.0.1:*", "-N1", "-i", lines)
    tasks.target = port_of(directory, "ventilator", "tasks")
    sink_words = ["--tasks", f"tcp://127.0.0.1:{tasks.target}", "--results", "tcp://127.0.0.1:*"]
    advertised = ["--advertise", f"127.0.0.1:{results.port}", "-o", directory / "output"]
    sink = start(directory, "sink", *info, *sink_words, *advertised)
    results.target = port_of(directory, "sink", "results")
    script = f"began=$EPOCHREALTIME; sleep {run_ms / 1000}; cat; echo $began $EPOCHREALTIME >>{notes}"
    command = [f"-j{SLOTS}", "--tasks", f"tcp://127.0.0.1:{tasks.port}", "--", "bash", "-c", script]
    worker = start(directory, "worker", *command)
    for process in (ventilator, sink, worker):
        assert process.wait() == 0, process.args
    assert (directory / "output").read_text() == lines.read_text()
    rows = [tuple(map(float, line.split())) for line in notes.read_text().splitlines()]
    span = max(end for _, end in rows) - min(began for began, _ in rows)
    busy = sum(end - began for began, end in rows) / SLOTS / span
    print(f"round trip {trip_ms:g} ms, tasks of {run_ms:g} ms: slots are busy {busy:.0%} of the time", flush=True)


def main():
    given = tuple(map(float, sys.argv[1:]))
    for trip_ms, run_ms, count in [given] if given else CASES:
        with tempfile.TemporaryDirectory(prefix="fanfold-bench-") as directory:
            measure(Path(directory), trip_ms, run_ms, int(count))


main()
