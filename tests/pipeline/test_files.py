# SPDX-License-Identifier: MIT
"""Files that cannot be read or written, or change; and outputs that a run must leave alone."""

import contextlib
import os
import re
import signal
from pathlib import Path

from endings import LINES, ends, expect
from harness import SLOWNESS
from input_files import inputs, run_over


def test_an_input_that_cannot_be_read(case):
    ends(case, ["-i", "nowhere", "--", "cat"], 4, "^fanfold-ventilator: cannot read nowhere: No such file")
    ends(case, ["-i", case.tmp, "--", "cat"], 4, f"^fanfold-ventilator: cannot read {case.tmp}: Is a directory$")
    folder = os.open(case.tmp, os.O_RDONLY)
    ends(case, ["--", "cat"], 4, "^fanfold-ventilator: cannot read .*: Is a directory$", stdin=folder)
    os.close(folder)


def test_an_input_that_is_secret(case):
    if os.geteuid() == 0:
        case.skip("to root nothing is secret")
    case.file("secret", LINES).chmod(0)
    ends(case, ["-i", "secret", "--", "cat"], 4, "^fanfold-ventilator: cannot read secret: Permission denied$")


def test_an_input_that_is_cut_off(case):
    """The first chunk waits; the ventilator is told of the end when it goes on to read."""
    size = 64 << 20
    path = case.path("in")
    path.write_bytes(case.text(size).read_bytes())
    gate = case.gate("go")
    script = ': > began; cat; [ "$FANFOLD_SEQ" != 0 ] || : <go'
    words = ["-j1", "--block", "1M", "--window", "2", "-i", path, "--", "sh", "-c", script]
    run = case.start("fanfold", *words)
    case.wait_for(case.path("began").exists, "the first chunk to begin")
    os.truncate(path, 8 << 20)
    gate.open()
    expect(case, run, 4, r"^fanfold-ventilator: .*/in was cut short .* before byte \d+ .* 67108864 bytes$")
    output = run.output()
    assert len(output) <= 8 << 20 and case.text(size).read_bytes().startswith(output)


def sysfs_file(case):
    """A file that says that it has more bytes than it has, and the bytes."""
    for name in ("class/net/lo/address", "kernel/mm/transparent_hugepage/enabled", "kernel/warn_count", "power/state"):
        path = Path("/sys", name)
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            if content and path.stat().st_size > len(content):
                return path, content
    return case.skip("no file of sysfs that says more bytes than it has")


def test_a_file_whose_size_is_not_true_is_read_to_its_end(case):
    path, content = sysfs_file(case)
    other = case.file("other", b"1\n2\n")
    again = ["--", "sh", "-c", "[ $FANFOLD_ATTEMPT != 1 ] || exit 3; cat"]
    for words in ([], ["--whole-files"], ["-N1"], ["--block", "1"]):
        for command in (["--", "cat"], again):
            run = run_over(case, *words, *inputs(path, other, path), command=command)
            assert run.output() == content + b"1\n2\n" + content, words
    run = run_over(case, "-i", "/proc/self/limits", command=["--", "wc", "-l"])  # which says 0
    assert int(run.output()) > 10


def test_an_output_that_cannot_be_opened(case):
    ends(case, ["-o", "no/where", "--", "cat"], 4, "^fanfold-sink: cannot open no/where: No such file")
    ends(case, ["-o", case.tmp, "--", "cat"], 4, f"^fanfold-sink: cannot open {case.tmp}: Is a directory$")


def test_a_full_disk(case):
    said = "^fanfold-sink: cannot write /dev/full: No space left on device$"
    ends(case, ["-o", "/dev/full", "-N100", "--", "cat"], 4, said)
    with open("/dev/full", "wb") as full:
        said = "^fanfold-sink: cannot write .*: No space left on device$"
        ends(case, ["-N100", "--", "cat"], 4, said, stdout=full)


def test_an_output_that_is_the_input_is_refused_and_untouched(case):
    text = case.file("text", case.text(1 << 20).read_bytes())
    for arguments, stdin in ((["-i", text], None), ([], text)):
        run = case.run("fanfold", *arguments, "-o", text, "--", "cat", stdin=stdin)
        assert run.status == 2 and "is the input" in run.stderr(), run.stderr()
    appended = case.shell(f"fanfold -i {text} -- cat >> {text}")
    assert appended.status == 2 and "is the input" in appended.stderr(), appended.stderr()
    case.assert_same(text, case.text(1 << 20))


def test_a_run_that_never_begins_leaves_the_output_alone(case):
    precious = case.file("precious", b"precious")
    for words, status in ((["-i", "nosuch", "--", "cat"], 4), (["--", "nosuchcmd"], 127), (["-j0", "--", "cat"], 2)):
        for _ in range(10 if SLOWNESS == 1 else 2):
            case.run("fanfold", *words[:-2], "-o", precious, *words[-2:], stdin=LINES).expect(status)
            assert precious.read_bytes() == b"precious", words
            case.run("fanfold", *words[:-2], "-o", "new", *words[-2:], stdin=LINES).expect(status)
            assert not case.path("new").exists(), words


def test_a_run_without_output_leaves_an_empty_file(case):
    for command, stdin in ((["true"], LINES), (["cat"], b"")):
        for name in ("old", "new"):
            case.file("old", b"bytes")
            case.path("new").unlink(missing_ok=True)
            case.run("fanfold", "-o", name, "--", *command, stdin=stdin).expect(0)
            assert case.path(name).read_bytes() == b"", (command, name)


def test_a_run_that_fails_before_its_first_byte_leaves_the_output_alone(case):
    precious = case.file("precious", b"precious")
    case.run("fanfold", "-o", precious, "--", "false", stdin=LINES).expect(3)
    case.run("fanfold", "-o", "new", "--", "false", stdin=LINES).expect(3)
    assert precious.read_bytes() == b"precious" and not case.path("new").exists()


def test_a_sink_that_is_refused_leaves_no_empty_file(case):
    first = case.start("fanfold-sink", "-o", case.path("first"))
    case.wait_for(lambda: case.path("first").exists(), "the first sink")
    first.wait_for_stderr("waiting for a ventilator")
    case.run("fanfold-sink", "-o", case.path("second")).expect(5)
    assert not case.path("second").exists()
    first.signal(signal.SIGTERM)
    first.expect(143)


def test_what_is_cut_short_within_a_record_ends_the_run_after_the_whole_ones(case):
    entries = b"".join(b"@%d\nACGT\n+\nIIII\n" % number for number in range(1000))
    frames = b"".join(b"\0\0\0\3ab\n" for _ in range(1000))
    cuts = [
        ("fastq", entries, b"@cut\nACGT\n+\nI", "its quality ends after 1 of 4 characters"),
        ("fastq", entries, b"@cut\nACGT\n", 'its "\\+" and its quality are missing'),
        ("frames", frames, b"\0\0\0\3a", "a frame of 7 bytes, of which 5 are left"),
    ]
    for number, (name, whole, rest, lacks) in enumerate(cuts):
        path, output = case.file(f"cut{number}", whole + rest), case.path(f"out{number}")
        words = ["--format", name, "--block", "2K", "-j2", "-o", output, *inputs(path)]
        run = run_over(case, *words, command=["--", "cat"], status=4)
        said = rf"^fanfold-ventilator: {path}: record 1001 at byte {len(whole)} is cut short: {lacks}$"
        assert re.search(said, run.stderr(), re.M), run.stderr()
        assert output.read_bytes() == whole
