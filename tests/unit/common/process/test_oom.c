/* SPDX-License-Identifier: MIT */
/* Whose count of kills for lack of memory is read, in files that look as the system's
 * do, and what makes it rise. */
#include "common/clock.h"
#include "common/process/oom.h"
#include "tests/unit/common/process/cgroup_fixture.h"

TestSuite(oom, .init = set_up, .fini = tear_down);

#define FIRST  "oom_kill_disable 0\nunder_oom 0\noom_kill %d\n"
#define SECOND "low 9\nhigh 9\nmax 9\noom 9\noom_kill %d\noom_group_kill 9\n"
#define HOST   "nr_free_pages 9\noom_kill %d\nnr_dirty 9\n"

static const struct {
    const char *name, *text;
} files[] = {
    {"memory/job/memory.oom_control", FIRST},
    {"memory/memory.oom_control", FIRST},
    {"unified/a/b/memory.events", SECOND},
    {"unified/a/memory.events", SECOND},
    {"proc/vmstat", HOST},
};
enum { FILES = sizeof files / sizeof *files };

static void set(int file, int count)
{
    char text[200];
    snprintf(text, sizeof text, files[file].text, count); /* NOLINT: of this file */
    put(files[file].name, "%s", text);
}

/* Whether the watch follows that file, and none of the others that are there. */
static void expect(int counted, const bool *there)
{
    for (int file = 0; file < FILES; file++) {
        if (!there[file])
            continue;
        struct oom_watch watch;
        for (int i = 0; i < FILES; i++)
            if (there[i])
                set(i, 7);
        oom_watch_init(&watch, proc);
        cr_assert_not(oom_watch_rose(&watch));
        set(file, 8);
        cr_assert_eq(oom_watch_rose(&watch), file == counted, "%s", files[file].name);
        oom_watch_deinit(&watch);
    }
}

Test(oom, version_1_counts_in_its_own_group_where_it_has_memory)
{
    mount_both("/job", "/a/b");
    put("unified/a/b/cgroup.procs", "1\n");
    expect(0, (bool[FILES]){[0] = true, [1] = true, [4] = true});
}

Test(oom, version_2_counts_in_its_own_group)
{
    mount_both("/job", "/a/b");
    expect(2, (bool[FILES]){[2] = true, [3] = true, [4] = true});
}

Test(oom, version_2_counts_in_the_nearest_group_above_that_has_memory)
{
    mount_both("/job", "/a/b");
    put("unified/a/b/cgroup.procs", "1\n");
    expect(3, (bool[FILES]){[3] = true, [4] = true});
}

Test(oom, the_host_counts_where_no_group_does)
{
    mount_both("/job", "/a/b");
    expect(4, (bool[FILES]){[4] = true});
    put("proc/self/cgroup", "%s", "");
    expect(4, (bool[FILES]){[0] = true, [2] = true, [4] = true});
}

Test(oom, nothing_rises_where_nothing_counts)
{
    struct oom_watch watch;
    oom_watch_init(&watch, proc);
    cr_assert_not(oom_watch_rose(&watch));
    oom_watch_deinit(&watch);
}

Test(oom, a_kill_counts_until_the_second_look_after_it)
{
    struct oom_watch watch;
    mount_both("/job", "/a/b");
    set(0, 7);
    oom_watch_init(&watch, proc);
    oom_watch_tick(&watch, 10 * SECOND_US);
    set(0, 8);
    cr_assert(oom_watch_rose(&watch));
    oom_watch_tick(&watch, 11 * SECOND_US);
    cr_assert(oom_watch_rose(&watch), "its SIGCHLD may be on its way");
    oom_watch_tick(&watch, 11 * SECOND_US + 1);
    cr_assert(oom_watch_rose(&watch));
    oom_watch_tick(&watch, 12 * SECOND_US);
    cr_assert_not(oom_watch_rose(&watch));
    oom_watch_deinit(&watch);
}
