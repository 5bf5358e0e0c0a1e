/* SPDX-License-Identifier: MIT */
/*
 * The kernel tells of a kill only by a count that rises. `before` is at least a second
 * old, so that it does not yet include a kill whose SIGCHLD is still on its way.
 */
#include "common/process/oom.h"
#include "common/clock.h"
#include "common/process/cgroup.h"
#include "common/process/fds.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t read_count(const struct oom_watch *watch)
{
    char text[16384];
    ssize_t size = watch->fd < 0 ? -1 : pread(watch->fd, text, sizeof text - 1, 0);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    const char *found = strstr(text, "oom_kill ");
    return found ? strtoull(found + strlen("oom_kill "), NULL, 10) : 0;
}

void oom_watch_init(struct oom_watch *watch, const char *proc)
{
    char path[PATH_MAX];
    *watch = (struct oom_watch){.fd = cgroup_open_oom(proc)};
    snprintf(path, sizeof path, "%s/vmstat", proc);
    if (watch->fd < 0)
        watch->fd = open(path, O_RDONLY | O_CLOEXEC);
    watch->before = watch->now = read_count(watch);
}

void oom_watch_deinit(struct oom_watch *watch)
{
    fd_close(&watch->fd);
}

void oom_watch_tick(struct oom_watch *watch, int64_t now_us)
{
    if (now_us - watch->read_at_us < SECOND_US)
        return;
    watch->read_at_us = now_us;
    watch->before = watch->now;
    watch->now = read_count(watch);
}

bool oom_watch_rose(struct oom_watch *watch)
{
    return read_count(watch) > watch->before;
}
