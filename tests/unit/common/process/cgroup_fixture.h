/* SPDX-License-Identifier: MIT */
/* A directory that looks as /proc does, and control groups beside it. */
#ifndef FANFOLD_TESTS_UNIT_CGROUP_FIXTURE_H
#define FANFOLD_TESTS_UNIT_CGROUP_FIXTURE_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char directory[64], proc[80];

/* Makes the file, and the directories that it is in. */
__attribute__((format(printf, 2, 3))) static void put(const char *name,
                                                      const char *format, ...)
{
    char path[PATH_MAX], part[PATH_MAX];
    va_list list;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    for (char *at = path + strlen(directory) + 1; (at = strchr(at, '/')); at++) {
        snprintf(part, sizeof part, "%.*s", (int)(at - path), path);
        mkdir(part, 0700);
    }
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    va_start(list, format);
    vfprintf(file, format, list);
    va_end(list);
    fclose(file);
}

static void set_up(void)
{
    strcpy(directory, "/tmp/fanfold-test-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(proc, sizeof proc, "%s/proc", directory);
}

static int remove_one(const char *path, const struct stat *status, int kind,
                      struct FTW *walk)
{
    (void)status, (void)kind, (void)walk;
    return remove(path);
}

static void tear_down(void)
{
    nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Both versions are mounted: 1 with some controllers, 2 with the rest. */
static void mount_both(const char *of_memory, const char *of_second)
{
    put("proc/self/cgroup", "9:cpu,cpuacct:/\n4:memory:%s\n1:name=systemd:%s\n0::%s\n",
        of_memory, of_second, of_second);
    put("proc/self/mountinfo",
        "31 23 0:28 / /sys rw - tmpfs tmpfs rw,mode=755\n"
        "32 31 0:29 / %s/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
        "35 31 0:32 / %s/memory rw,relatime - cgroup cgroup rw,memory\n"
        "41 31 0:38 / %s/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n",
        directory, directory, directory);
}

#endif
