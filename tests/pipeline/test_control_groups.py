# SPDX-License-Identifier: MIT
"""Control groups: a worker's own, and what those that it is in allow. Version 2, and version 1 where that has the controller."""

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
        (own / "cgroup.kill").write_text("1") if (own / "cgroup.kill").exists() else control_groups.kill_all_in(own)
        case.assert_no_leftovers()
        assert left.exists(), "nobody was left to remove it"
        gate.open()
        case.run(*control_groups.entering(own, *words), stdin=b"a\n").expect(0)
        assert not list(own.glob("fanfold-worker-*"))


def divided(controller):
    """None where version 2 has the controller; its name where version 1 does; False: neither does, here."""
    own = control_groups.own_group()
    if own and controller in (own / "cgroup.subtree_control").read_text(encoding="ascii").split():
        return None
    return controller if control_groups.own_group(controller) else False


def test_a_cpu_quota_bounds_the_slots(case):
    if len(os.sched_getaffinity(0)) < 2:
        case.skip("one processor")
    controller = divided("cpu")
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
