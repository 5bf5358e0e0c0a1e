# SPDX-License-Identifier: MIT
"""Memory is bounded by --buffer, however long the input and however slow its first chunk.

The first chunk waits until everything has come to a stand that it holds up; the others are
to go on until then. `pytest test_memory.py --full` does it with 8 GiB and 30 s as well.
"""

import hashlib
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from harness import blocks_of, sha256_of
from noting_worker import counts_of

MIB = 1 << 20
BUFFER = 256 * MIB
SHARE = BUFFER // 16 * 7  # the ventilator's, for a stream
REST = 200 * MIB  # programs, the user's processes, what is on its way
BLOCK = MIB
SLOTS = 4

# The first chunk stops at the gate; all say that they came.
CAT = """
echo >>"$NOTES"
[ "$FANFOLD_SEQ" != 0 ] || : <"$GATE"
exec cat
"""


class Memory(threading.Thread):
    """Watches the sum of the resident memory of all processes of the case."""

    def __init__(self, case):
        super().__init__(daemon=True)
        self.case = case
        self.peak = self.samples = 0
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.05):
            self.peak = max(self.peak, sum(map(resident, self.case.leftovers())))
            self.samples += 1

    def stop(self):
        self.over.set()
        self.join()
        return self.peak


def resident(pid):
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def repeated(path, times):
    for _ in range(times):
        yield from blocks_of(path)


class HeldUp:
    """A run by hand, whose first chunk stops at `gate`. `times` the text is its input.

    The output is read when `reads` is set.
    """

    def __init__(self, case, text, times, *more, stream):
        self.case = case
        self.notes, self.gate = case.path("notes"), case.gate()
        endpoints = case.endpoints()
        self.output, self.digest = os.pipe(), hashlib.sha256()
        self.sink = case.start(
            "fanfold-sink", *endpoints, "--log-level", "info", "--tmpdir", case.tmp, stdout=self.output[1]
        )
        os.close(self.output[1])
        self.reads = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        self.worker = case.start(
            "fanfold-worker",
            *[*endpoints[:2], "-j", SLOTS, "--", "sh", "-c", CAT],
            env={"NOTES": str(self.notes), "GATE": str(self.gate)},
        )
        self.memory = Memory(case)
        self.ventilator = case.start(
            "fanfold-ventilator",
            *[*endpoints[:2], "--log-level", "info", "--block", BLOCK, "--buffer", BUFFER, *more],
            *([] if stream else ["-i", text]),
            stdin=subprocess.PIPE if stream else None,
        )
        if stream:
            threading.Thread(target=self.write, args=[text, times], daemon=True).start()

    def write(self, text, times):
        with self.ventilator.stdin as pipe:
            for block in repeated(text, times):
                pipe.write(block)

    def read(self):
        self.reads.wait()
        with open(self.output[0], "rb") as pipe:
            while block := pipe.read(BLOCK):
                self.digest.update(block)

    def begun(self):
        return os.path.getsize(self.notes) if self.notes.exists() else 0

    def running(self):
        """Chunks in work."""
        return len(self.case.pids_of("cat")) + len(self.case.pids_of("sh"))

    def wait_for_stand(self, chunks, left=1, deadline=120.0):
        """Until so many have begun, and all but these have ended."""
        self.case.wait_for(
            lambda: self.begun() >= chunks and self.running() == left, f"{chunks} chunks to begin", deadline
        )

    def end(self, expected, deadline=300.0):
        self.reads.set()
        for process in (self.ventilator, self.sink, self.worker):
            process.expect(0, deadline)
        self.reader.join()
        assert self.digest.hexdigest() == expected, "the output is not the input"
        peak = self.memory.stop()
        assert self.memory.samples > 10, "memory was hardly looked at"
        assert peak < BUFFER + REST, f"{peak >> 20} MiB resident"
        return peak


def spill_files(process):
    """Unlinked files that the process has open, and the bytes in them."""
    folder = Path(f"/proc/{process.pid}/fd")
    return [fd.stat().st_size for fd in folder.iterdir() if os.readlink(fd).endswith(" (deleted)")]


@pytest.mark.deadline(180)
def test_a_stream_with_a_slow_first_chunk_stays_within_the_buffer(case):
    text = case.text(64 * MIB)
    run = HeldUp(case, text, 16, stream=True)
    # The ventilator has its share of the buffer for what it reads, and cuts until that is full.
    run.wait_for_stand(SHARE // BLOCK - 1)
    meanwhile = run.begun()
    run.gate.open()
    peak = run.end(hash_of(text, 16))
    counts = counts_of(run.ventilator)
    assert counts_of(run.sink)["spilled"] == 0
    print(f"1 GiB: peak {peak >> 20} MiB, {meanwhile} chunks begun before the first was done, {counts}")
    assert meanwhile <= SHARE // BLOCK + 1, "the buffer did not close"
    assert counts["parked"] >= meanwhile - 1, counts


@pytest.mark.deadline(180)
def test_a_stream_whose_reader_is_slow_is_not_spilled(case):
    text = case.text(64 * MIB)
    run = HeldUp(case, text, 4, stream=True)
    run.gate.open()
    run.wait_for_stand(SHARE // BLOCK - 1, left=0)
    peak = run.end(hash_of(text, 4))
    counts = counts_of(run.sink)
    print(f"256 MiB: peak {peak >> 20} MiB, {counts}")
    assert counts["spilled"] == 0, counts


@pytest.mark.deadline(180)
def test_a_file_with_a_slow_first_chunk_runs_until_the_window_closes_and_is_spilled(case):
    window = 512
    text = case.text(1024 * MIB)
    run = HeldUp(case, text, 1, "--window", window, stream=False)
    run.wait_for_stand(window)
    meanwhile = run.begun()
    spilled = spill_files(run.sink)
    named = list(case.tmp.iterdir())
    run.gate.open()
    peak = run.end(sha256_of(text))
    counts = counts_of(run.sink)
    print(f"1 GiB: peak {peak >> 20} MiB, {meanwhile} chunks begun before the first was done, spill {spilled}")
    assert meanwhile == window, "the window did not close"
    assert not named, f"the spill file has a name: {named}"
    assert sum(spilled) > (window * BLOCK - BUFFER) / 2 and counts["spilled"] >= sum(spilled) / 2, (spilled, counts)


def hash_of(text, times):
    digest = hashlib.sha256()
    for block in repeated(text, times):
        digest.update(block)
    return digest.hexdigest()


@pytest.mark.full
@pytest.mark.deadline(1800)
def test_eight_gigabytes_whose_first_chunk_takes_30_seconds(case):
    text = case.text(64 * MIB)
    run = HeldUp(case, text, 128, stream=True)
    case.wait_for(run.begun, "the first chunk")
    began = time.monotonic()
    run.wait_for_stand(SHARE // BLOCK - 1)
    stood, meanwhile = time.monotonic() - began, run.begun()
    case.wait_for(lambda: time.monotonic() - began >= 30, "30 s", 60)
    assert run.begun() == meanwhile, "the buffer did not close"
    run.gate.open()
    peak = run.end(hash_of(text, 128), deadline=1200)
    took = time.monotonic() - began
    print(f"8 GiB in {took:.1f} s: peak of the sum of resident memory {peak >> 20} MiB")
    print(f"{meanwhile} chunks begun while the first one waited, the last after {stood:.1f} s")
    print(f"ventilator {counts_of(run.ventilator)}")
    print(f"sink {counts_of(run.sink)}")
