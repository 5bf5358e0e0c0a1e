/* SPDX-License-Identifier: MIT */
/* Groups of both versions, in files that look as the system's do. */
#include "common/process/cgroup.h"
#include "tests/unit/common/process/cgroup_fixture.h"

TestSuite(cgroup, .init = set_up, .fini = tear_down);

static const char *find(const char *controller)
{
    static struct cgroup_path found;
    return cgroup_find(proc, controller, &found) ? found.path + strlen(directory)
                                                 : "none";
}

Test(cgroup, each_version_is_found_where_it_is_mounted)
{
    mount_both("/job", "/user/session");
    put("memory/job/tasks", "1\n");
    put("unified/user/session/cgroup.procs", "1\n");
    put("cpu/tasks", "1\n");
    cr_assert_str_eq(find("memory"), "/memory/job");
    cr_assert_str_eq(find("cpu"), "/cpu");
    cr_assert_str_eq(find("cpuacct"), "/cpu");
    cr_assert_str_eq(find(NULL), "/unified/user/session");
    cr_assert_str_eq(find("mem"), "none");
    cr_assert_str_eq(find("pids"), "none");
}

Test(cgroup, a_container_sees_its_part_of_the_tree)
{
    put("proc/self/cgroup", "0::/pod/container/below\n");
    put("proc/self/mountinfo", "41 31 0:38 /pod/container %s/own rw - cgroup2 x rw\n",
        directory);
    put("own/below/cgroup.procs", "1\n");
    cr_assert_str_eq(find(NULL), "/own/below");
    put("proc/self/cgroup", "0::/pod/containers\n");
    cr_assert_str_eq(find(NULL), "/own", "a group that only begins with that name");
    put("proc/self/cgroup", "0::/pod/container\n");
    cr_assert_str_eq(find(NULL), "/own");
}

Test(cgroup, a_group_that_is_hidden_is_none)
{
    mount_both("/job", "/gone");
    cr_assert_str_eq(find(NULL), "none");
    cr_assert_str_eq(find("memory"), "none");
    put("proc/self/cgroup", "%s", "");
    cr_assert_str_eq(find(NULL), "none");
}

Test(cgroup, the_smallest_quota_of_all_groups_above_holds)
{
    mount_both("/", "/a/b");
    put("unified/a/b/cpu.max", "max 100000\n");
    cr_assert_eq(cgroup_processors(proc), 0);
    put("unified/a/cpu.max", "250000 100000\n");
    cr_assert_eq(cgroup_processors(proc), 3, "rounded up");
    put("unified/a/b/cpu.max", "400000 100000\n");
    cr_assert_eq(cgroup_processors(proc), 3);
    put("cpu/cpu.cfs_quota_us", "-1\n");
    put("cpu/cpu.cfs_period_us", "100000\n");
    cr_assert_eq(cgroup_processors(proc), 3);
    put("cpu/cpu.cfs_quota_us", "150000\n");
    cr_assert_eq(cgroup_processors(proc), 2);
}
