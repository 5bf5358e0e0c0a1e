# SPDX-License-Identifier: MIT
"""Control groups: a worker's own, and what those that it is in allow. Version 2, and version 1 where that has the controller."""

import contextlib
import os

import control_groups


def test_a_worker_has_a_control_group_where_it_may_and_leaves_none(case):
    with control_groups.new_group(case) as own:
        gate = case.gate()
        words = ["fanfold", "--quiet", "-j1", "--", "sh", "-c", f"echo > began; : <{gate}; cat"]
        run = case.start(*control_groups.entering(own, *words), stdin=b"a\n")
        case.wait_for(case.path("began").exists, "a chunk to begin")
        (group,) = own.glob("fanfold-worker-*")
        assert set(case.pids_of("sh")) & control_groups.members(group) and run.pid not in control_groups.members(group)
        gate.open()
        run.expect(0)
        case.assert_no_leftovers()
        assert not list(own.glob("fanfold-worker-*"))


def test_what_a_worker_left_that_was_killed_with_its_group_is_removed_by_the_next(case):
    with control_groups.new_group(case) as own:
        gate = case.gate()
        words = ["fanfold", "--quiet", "-j1", "--", "sh", "-c", f"echo > began; : <{gate}; cat"]
        case.start(*control_groups.entering(own, *words), stdin=b"a\n")
        case.wait_for(case.path("began").exists, "a chunk to begin")
        (left,) = own.glob("fanfold-worker-*")
        case.wait_for(lambda: control_groups.kill_all_in(own) or not control_groups.members(own), "all to be killed")
        assert left.exists(), "nobody was left to remove it"
        gate.open()
        case.run(*control_groups.entering(own, *words), stdin=b"a\n").expect(0)
        assert not list(own.glob("fanfold-worker-*"))


def test_a_cpu_quota_bounds_the_slots(case):
    if len(os.sched_getaffinity(0)) < 2:
        case.skip("one processor")
    controller = control_groups.divided("cpu")
    if controller is False:
        case.skip("no cgroup with a quota is ours to make")
    one = {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "100000"}
    files = one if controller else {"cpu.max": "100000 100000"}
    with control_groups.new_group(case, controller) as group:
        for name, value in files.items():
            (group / name).write_text(value)
        (group / "below").mkdir()
        words = ["fanfold", "--quiet", "-N1", "--", "sh", "-c", "sleep 0.1; echo $FANFOLD_SLOT"]
        run = case.run(*control_groups.entering(group / "below", *words), stdin=b"1\n2\n3\n4\n")
        assert run.status == 0 and set(run.output().split()) == {b"1"}, run.output()
        case.assert_no_leftovers()


# ---- memory ----

LIMIT = 128 << 20
EAT = ["/usr/bin/python3", "-c", f"b = bytearray(b'x') * {2 * LIMIT}"]


@contextlib.contextmanager
def group_of_little_memory(case, name="own"):
    controller = control_groups.divided("memory")
    if controller is False:
        case.skip("no cgroup with a limit of memory is ours to make")
    with control_groups.new_group(case, controller, name) as group:
        (group / ("memory.limit_in_bytes" if controller else "memory.max")).write_text(str(LIMIT))
        yield group


def kills_in(group):
    for name in ("memory.events", "memory.oom_control"):
        with contextlib.suppress(FileNotFoundError):
            words = (group / name).read_text(encoding="ascii").split()
            return int(words[words.index("oom_kill") + 1])
    return 0


def test_a_kill_for_lack_of_memory_in_the_workers_group_is_named(case):
    with group_of_little_memory(case) as group:
        run = case.run(*control_groups.entering(group, "fanfold", "--quiet", "-j1", "--retries", "1", "--", *EAT), stdin=b"a\n")
        assert run.status == 3 and "killed, probably because memory ran out" in run.stderr(), run.stderr()
        assert kills_in(group) == 1


def test_a_kill_for_lack_of_memory_in_another_group_is_not_taken_for_ours(case):
    with group_of_little_memory(case) as own, group_of_little_memory(case, "other") as other:
        gate = case.gate()
        words = ["fanfold", "--quiet", "-j1", "--retries", "1", "--", "sh", "-c", f"echo > began; : <{gate}; kill -KILL $$"]
        run = case.start(*control_groups.entering(own, *words), stdin=b"a\n")
        case.wait_for(case.path("began").exists, "the program to begin")
        case.run(*control_groups.entering(other, *EAT)).expect(137)
        assert kills_in(other) == 1 and kills_in(own) == 0
        gate.open()
        run.expect(3)
        assert "ended by signal 9" in run.stderr() and "memory" not in run.stderr(), run.stderr()
