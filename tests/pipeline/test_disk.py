# SPDX-License-Identifier: MIT
"""Disks that fill, and an input that shrinks: status 4, a clear line, and once there is
room again --resume goes on to the same bytes.

The disks are small tmpfs in a mount namespace of the test's own, which needs root.
`pytest test_disk.py --moments 20 -k fills` has the output's disk fill at so many moments.
"""

import ctypes
import os
import random
import re
import shutil

from dead_letters import Records, check_lone_records, misbehaving_program, read_dead_letters
from harness import Skip, option
from resuming import HELD_UPPER, Resumption, journal_path, make_upper, position_of, read_journal, size_of

MIB = 1 << 20
MOMENTS = option("moments", 3)
CLONE_NEWNS = 0x00020000
MS_RDONLY = 1
MS_REMOUNT = 32
MS_PRIVATE_AND_BELOW = 1 << 18 | 1 << 14

LIBC = ctypes.CDLL(None, use_errno=True)


def have_own_mounts():
    """From here on what is mounted is seen by this process and what it starts alone."""
    if LIBC.unshare(CLONE_NEWNS) != 0 or LIBC.mount(b"none", b"/", None, MS_PRIVATE_AND_BELOW, None) != 0:
        raise Skip(f"no mount namespace: {os.strerror(ctypes.get_errno())}")


class Disk:
    """A file system of so many bytes, which can be filled and emptied again."""

    def __init__(self, case, size, name="disk"):
        have_own_mounts()
        self.path = case.path(name)
        self.path.mkdir()
        options = f"size={size},mode=0755".encode()
        if LIBC.mount(b"tmpfs", str(self.path).encode(), b"tmpfs", 0, options) != 0:
            raise Skip(f"no tmpfs: {os.strerror(ctypes.get_errno())}")
        case.mounts.append(self.path)
        self.ballast = self.path / "ballast"

    def remount(self, options):
        flags = MS_REMOUNT | (MS_RDONLY if options == "ro" else 0)
        assert LIBC.mount(b"tmpfs", str(self.path).encode(), b"tmpfs", flags, options.encode()) == 0

    def free(self):
        state = os.statvfs(self.path)
        return state.f_bavail * state.f_frsize

    def fill(self, leave=0):
        """All but so many bytes."""
        size = self.free() - leave
        with open(self.ballast, "ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), size)

    def empty(self):
        self.ballast.unlink()


def expect_failure(process, pattern):
    """Status 4, and a line that says it."""
    process.expect(4)
    lines = [line for line in process.stderr().splitlines() if re.search(pattern, line)]
    assert len(lines) == 1, f"{pattern!r} is said {len(lines)} times"
    print(*lines, sep="\n")


# ---- the output ----


def test_a_disk_that_fills_at_any_moment_is_gone_on_with_once_there_is_room(case):
    chance = random.Random(1)
    text = case.text(4 * MIB)
    expected = make_upper(case, text)
    disk = Disk(case, 8 * MIB)
    for moment in range(MOMENTS):
        run = Resumption(case, text, "--block", "64K", "--buffer", "1M", "-j2", name=f"disk/output-{moment}")
        disk.fill(leave=chance.randrange(4096, 4 * MIB))
        expect_failure(run.start(), r"^fanfold-sink: cannot (write|make) .*No space left on device")
        position, size = position_of(run.output), size_of(run.output)
        disk.empty()
        run.complete(expected=expected)
        print(f"full after {size} bytes, gone on with from task {position}")
        run.output.unlink()


def test_a_disk_that_is_full_from_the_start_is_told_and_nothing_remains(case):
    disk = Disk(case, 1 * MIB)
    run = Resumption(case, case.text(64 << 10), "--block", "4K", "-j2", name="disk/output")
    disk.fill()
    expect_failure(run.start(), r"^fanfold-sink: .*No space left on device")
    disk.empty()
    run.complete()


def test_a_disk_that_has_no_room_for_the_journal_stops_the_run(case):
    """The output is elsewhere, by a symbolic link."""
    disk = Disk(case, 1 * MIB)
    run = Resumption(case, case.text(64 << 10), "--block", "4K", "-j2", name="disk/output", script=HELD_UPPER)
    (disk.path / "output").symlink_to(case.path("elsewhere"))
    run.gate.shut()
    process = run.start(env={"HELD": "6"})
    case.wait_for(lambda: position_of(run.output) == 6, "a commit")
    disk.fill()
    run.gate.open()
    expect_failure(process, r"^fanfold-sink: .*journal.*: No space left on device")
    assert read_journal(run.output).next == 6
    disk.empty()
    run.complete()


# ---- what waits ----


def test_a_disk_that_has_no_room_for_what_waits_stops_the_run(case):
    disk = Disk(case, 256 << 10, "spill")
    text = case.text(16 * MIB)
    options = ["--block", "64K", "--buffer", "512K", "-j2"]
    script = """
    [ "$FANFOLD_SEQ" != 3 ] || : <"$GATE"
    echo "begin $FANFOLD_SEQ" >>"$NOTES"
    tr a-z A-Z
    """
    run = Resumption(case, text, *options, script=script)
    run.gate.shut()
    process = run.start("--tmpdir", disk.path)
    expect_failure(process, r"^fanfold-sink: .*spill.*No space left on device")
    assert size_of(run.output) < MIB
    run.gate.open()
    run.complete()


def test_a_disk_that_has_no_room_for_small_results_that_wait_stops_the_run(case):
    disk = Disk(case, 256 << 10, "spill")
    text = case.text(2 * MIB)
    script = """
    [ "$FANFOLD_SEQ" != 3 ] || : <"$GATE"
    echo "begin $FANFOLD_SEQ" >>"$NOTES"
    tr a-z A-Z
    """
    run = Resumption(case, text, "--block", "4K", "--buffer", "64K", "--window", "512", "-j2", script=script)
    run.gate.shut()
    process = run.start("--tmpdir", disk.path)
    expect_failure(process, r"^fanfold-sink: .*spill.*No space left on device")
    assert size_of(run.output) < MIB
    run.gate.open()
    run.complete()


# ---- directories of sockets ----


def test_a_runtime_directory_without_room_is_told_with_its_path(case):
    disk = Disk(case, MIB, "runtime")
    disk.path.chmod(0o700)
    disk.remount("nr_inodes=1")
    for program, *words in (["fanfold-sink"], ["fanfold-ventilator"], ["fanfold-worker", "cat"]):
        run = case.run(program, *words, env={"XDG_RUNTIME_DIR": str(disk.path)})
        expect_failure(run, rf"^{program}: .*{disk.path}/fanfold: No space left on device")


# ---- dead letters ----


def test_dead_letters_that_have_no_room_stop_the_run_and_none_is_lost(case):
    disk = Disk(case, 64 << 10, "letters")
    records = Records(case, 200, {number: "!exit 1" for number in range(10, 200, 3)})
    output, dead = case.path("output"), disk.path / "dead"
    words = ["--on-error", "isolate", "--retries", 1, "-j2", "-N", 4, "-o", output]
    words += ["--dead-letters", dead, "-i", records.path, *misbehaving_program()]
    disk.fill(leave=40 << 10)
    expect_failure(case.run("fanfold", *words), r"^fanfold-sink: .*letters.*No space left on device")
    shutil.move(dead, case.path("aside"))  # as somebody would who needs room for something else
    disk.empty()
    shutil.move(case.path("aside"), dead)
    disk.remount("size=4m")
    case.run("fanfold", "--resume", *words).expect(1)
    case.assert_same(output, records.good)
    check_lone_records(read_dead_letters(dead), records)


def test_dead_letters_that_cannot_be_written_stop_the_run_and_none_is_lost(case):
    records = Records(case, 20, {7: "!exit 1"})
    output, dead = case.path("output"), case.path("no-directory")
    dead.write_text("in the way\n")
    words = ["--on-error", "skip", "--retries", 1, "-j2", "-N", 1, "-o", output]
    words += ["--dead-letters", dead, "-i", records.path, *misbehaving_program()]
    expect_failure(case.run("fanfold", *words), r"^fanfold-sink: .*no-directory.*: (Not a directory|File exists)")
    dead.unlink()
    disk = Disk(case, MIB, "no-directory")
    disk.remount("ro")
    expect_failure(case.run("fanfold", "--resume", *words), r"^fanfold-sink: .*no-directory.*: Read-only file system")
    disk.remount("size=1m")
    case.run("fanfold", "--resume", *words).expect(1)
    case.assert_same(output, records.good)
    check_lone_records(read_dead_letters(dead), records)


# ---- the input ----


def test_an_input_that_is_cut_short_while_it_is_read_is_an_error(case):
    original = case.text(1 * MIB)
    text = case.path("text")
    shutil.copy(original, text)
    run = Resumption(case, text, "--block", "16K", "--window", 8, "-j2", script=HELD_UPPER)
    run.gate.shut()
    process = run.start(env={"HELD": "6"})
    case.wait_for(lambda: position_of(run.output) == 6, "a commit")
    os.truncate(text, 300 << 10)
    run.gate.open()
    expect_failure(process, r"^fanfold-ventilator: .*text was cut short while it was read")
    length = size_of(run.output)
    assert length == read_journal(run.output).offset
    with open(run.output, "rb") as ours, open(original, "rb") as theirs:
        assert ours.read() == theirs.read(length).upper()
    shutil.copy(original, text)
    run.complete()
    assert not journal_path(run.output).exists()
