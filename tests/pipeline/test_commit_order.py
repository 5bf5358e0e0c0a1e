# SPDX-License-Identifier: MIT
"""The order of a commit, as the system calls of a real sink show it.

fdatasync(output) · write and fsync(journal.tmp) · rename · fsync(directory), each ended
before the next begins; no journal names a byte that was not written before its fdatasync
began; the first commit is whole before BEGIN is sent and before the first byte is written.
"""

import re
import shutil
import subprocess

import msgpack

from harness import program_path

CALLS = (
    "fdatasync,fsync,rename,renameat,renameat2,openat,creat,write,writev,pwrite64,pwritev,"
    "sendto,sendmsg,ftruncate,truncate,unlink,unlinkat"
)
STRACE = ["strace", "-f", "-x", "-y", "-s", "2048", "-e", f"trace={CALLS}"]
BEGIN = "\\x98\\x05\\xc4\\x10"  # an array of 8, type 5, an id: how BEGIN's bytes start
LINE = re.compile(r"^(\d+) +(?:<\.\.\. (\w+) resumed>)?(?:(\w+)\()?(.*)$")


class Call:
    """A system call: lines of the trace in which it began and ended."""

    def __init__(self, pid, name, arguments, began):
        self.pid, self.name, self.text, self.began, self.ended = pid, name, arguments, began, None

    def finish(self, rest, line):
        self.text += rest
        self.ended = line
        found = re.search(r"= (-?\d+)[^=]*$", self.text)
        self.result = int(found[1]) if found else -1

    def on(self, path):
        """Its first argument is a descriptor of that file."""
        return re.match(rf"\d+<{re.escape(str(path))}>", self.text) is not None


def calls_of(trace):
    """All that ended, in the order in which they began."""
    calls, open_calls = [], {}
    for number, line in enumerate(trace.read_text(errors="replace").splitlines()):
        match = LINE.match(line)
        if not match or not (match[2] or match[3]):
            continue
        pid, resumed, name, rest = match.groups()
        if resumed:
            if call := open_calls.pop(pid, None):
                call.finish(rest, number)
        else:
            call = Call(pid, name, rest.removesuffix("<unfinished ...>"), number)
            calls.append(call)
            if rest.endswith("<unfinished ...>"):
                open_calls[pid] = call
            else:
                call.finish("", number)
    return [call for call in calls if call.ended is not None]


def offset_in(call):
    """What the journal that this call writes says of the output."""
    quoted = re.search(r'"((?:\\x[0-9a-f]{2})+)"', call.text)[1]
    fields = msgpack.unpackb(bytes.fromhex(quoted.replace("\\x", ""))[:-8])
    assert fields[0] == "fanfold journal", fields
    return fields[8]


def require_strace(case):
    if not shutil.which("strace"):
        case.skip("no strace")
    probe = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        case.skip(f"no ptrace: {probe.stderr.decode(errors='replace').strip()[:200]}")


def traced_run(case, size, *sink_options):
    """Ventilator, worker, and a traced sink that writes `out`; the calls of the sink."""
    require_strace(case)
    text, trace, output = case.text(size), case.path("trace"), case.path("out")
    at = case.endpoints()
    sink = case.start(
        *STRACE[:1], *STRACE[1:], "-o", trace, program_path("fanfold-sink"), *at, "-o", output, *sink_options
    )
    worker = case.start("fanfold-worker", *at[:2], "-j2", "--", "cat")
    # The share of so small a buffer makes commits due long before a second is over.
    ventilator = case.start(
        "fanfold-ventilator", *at[:2], "--block", "256K", "--buffer", "8M", stdin=text
    )
    for process in (ventilator, worker, sink):
        process.expect(0, deadline=100)
    case.assert_same(output, text)
    return calls_of(trace), output


def commits_of(calls, output):
    """Each commit: [fdatasync, open, write, fsync, rename, fsync], checked for its order."""
    journal, temporary = f"{output}.fanfold", f"{output}.fanfold.tmp"
    kinds = {
        "sync_output": lambda c: c.name == "fdatasync" and c.on(output),
        "open_journal": lambda c: c.name == "openat" and f'"{output.name}.fanfold.tmp"' in c.text,
        "write_journal": lambda c: c.name == "write" and c.on(temporary),
        "sync_journal": lambda c: c.name == "fsync" and c.on(temporary),
        "rename": lambda c: c.name.startswith("rename") and f'"{output.name}.fanfold"' in c.text,
        "sync_directory": lambda c: c.name == "fsync" and c.on(output.parent),
    }
    makers = {c.pid for c in calls if kinds["rename"](c)}
    assert len(makers) == 1, f"not one process commits: {makers}"
    steps = []
    for call in calls:
        kind = next((kind for kind, fits in kinds.items() if fits(call)), None)
        if kind and call.pid in makers:
            steps.append((kind, call))
    commits = []
    while steps:
        names = [kind for kind, _ in steps[: len(kinds)]]
        assert names == list(kinds), f"commit {len(commits)} goes {names}, for {journal}"
        commit = [call for _, call in steps[: len(kinds)]]
        for call, following in zip(commit, commit[1:]):
            assert call.result >= 0, f"{call.name}({call.text}"
            assert call.ended < following.began, f"{following.name} began before {call.name} ended"
        commits.append(commit)
        steps = steps[len(kinds) :]
    return commits


def test_every_commit_is_in_order_and_the_first_comes_first(case):
    calls, output = traced_run(case, 24 << 20)
    commits = commits_of(calls, output)
    assert len(commits) >= 4, f"only {len(commits)} commits"
    first_is_safe = commits[0][-1].ended
    writes = [c for c in calls if c.on(output) and "write" in c.name and c.result > 0]
    assert writes and writes[0].began > first_is_safe, "a byte was written before the first commit"
    cuts = [c for c in calls if c.name.endswith("truncate") and c.on(output)]
    assert all(c.began > first_is_safe for c in cuts), "the output was cut before the first commit"
    begins = [c for c in calls if BEGIN in c.text]
    assert begins, "no BEGIN is to be seen"
    assert begins[0].began > first_is_safe, "BEGIN was sent before the first commit"


def test_no_journal_names_a_byte_that_was_not_written_before(case):
    calls, output = traced_run(case, 24 << 20)
    writes = [c for c in calls if c.on(output) and "write" in c.name and c.result > 0]
    last = 0
    for sync_output, _, write_journal, *_ in commits_of(calls, output):
        written = sum(c.result for c in writes if c.ended < sync_output.began)
        offset = offset_in(write_journal)
        assert last <= offset <= written, f"a journal says {offset} when {written} bytes are written"
        last = offset
    assert last == output.stat().st_size, "the last journal does not say all"


def test_the_journal_goes_only_after_the_last_commit(case):
    calls, output = traced_run(case, 1 << 20)
    removed = [c for c in calls if c.name.startswith("unlink") and f'{output.name}.fanfold"' in c.text]
    assert len(removed) == 1 and removed[0].result == 0, "the journal was not removed once"
    assert removed[0].began > commits_of(calls, output)[-1][-1].ended
    assert not output.with_name("out.fanfold").exists()
