/* SPDX-License-Identifier: MIT */
#include "common/process/worker_cgroup.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool shows(const char *path, const char *wanted)
{
    char text[8192];
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[size] = '\0';
    return strstr(text, wanted) != NULL;
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

/* Bits of what is wrong in the child. */
static int look_around(const struct worker_cgroup *cgroup, pid_t parent, bool grouped)
{
    char name[64];
    signal(SIGUSR1, on_signal);
    snprintf(name, sizeof name, "/fanfold-worker-%d\n", (int)parent);
    pthread_kill(pthread_self(),
                 SIGUSR1); /* by the thread's id, as the library has it */
    return (caught != SIGUSR1) | (getppid() != parent) << 1 |
           (grouped && !shows("/proc/self/cgroup", name)) << 2 | (cgroup->fd >= 0) << 3;
}

static void expect_sound_child(struct worker_cgroup *cgroup)
{
    pid_t parent = getpid();
    int status, held = cgroup->fd;
    pid_t pid = worker_cgroup_fork(cgroup);
    if (pid == 0)
        _exit(look_around(cgroup, parent, held >= 0));
    cr_assert_gt(pid, 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0, "status %x", (unsigned)status);
    cr_assert_eq(cgroup->fd, held, "the parent keeps the lock");
}

Test(worker_cgroup, forks_into_the_group_where_one_can_be_made)
{
    static struct worker_cgroup cgroup;
    worker_cgroup_make(&cgroup);
    expect_sound_child(&cgroup);
    worker_cgroup_remove(&cgroup);
    cr_assert(access(cgroup.path, F_OK) < 0 || !*cgroup.path);
}

Test(worker_cgroup, forks_where_there_is_no_group)
{
    static struct worker_cgroup cgroup = {.fd = -1};
    expect_sound_child(&cgroup);
}
