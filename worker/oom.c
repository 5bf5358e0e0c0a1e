/* SPDX-License-Identifier: MIT */
/*
 * Out of memory is known only as a count that rises. `before` is at least a second old,
 * so that a kill whose SIGCHLD is still on its way is not yet history.
 */
#include "worker/oom.h"
#include "common/clock.h"

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

static int open_cgroup(void)
{
    char line[PATH_MAX], path[PATH_MAX + 64];
    FILE *file = fopen("/proc/self/cgroup", "re");
    int fd = -1;
    while (file && fd < 0 && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::", 3) != 0)
            continue;
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.events", line + 3);
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (file)
        fclose(file);
    return fd;
}

void oom_watch_init(struct oom_watch *watch)
{
    *watch = (struct oom_watch){.fd = open_cgroup()};
    if (watch->fd < 0)
        watch->fd = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
    watch->before = watch->now = read_count(watch);
}

void oom_watch_deinit(struct oom_watch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    watch->fd = -1;
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
