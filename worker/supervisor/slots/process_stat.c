/* SPDX-License-Identifier: MIT */
#include "worker/supervisor/slots/process_stat.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ssize_t read_file(int directory, const char *path, char *text, size_t size)
{
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    if (got >= 0)
        text[got] = '\0';
    return got;
}

bool process_read(int proc, const char *name, uint64_t page_bytes,
                  struct process *ret_process)
{
    char path[300], text[1024];
    char state;
    int parent, group;
    uint64_t born, ticks[4];
    int64_t pages;
    snprintf(path, sizeof path, "%s/stat", name);
    if (read_file(proc, path, text, sizeof text) <= 0)
        return false;
    /* The name, in parentheses, may hold anything. */
    const char *rest = strrchr(text, ')');
    if (!rest ||
        sscanf(rest + 1,
               " %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
               " %" SCNu64 " %" SCNu64 " %*d %*d %*d %*d %" SCNu64 " %*u %" SCNd64,
               &state, &parent, &group, &ticks[0], &ticks[1], &ticks[2], &ticks[3],
               &born, &pages) != 9)
        return false;
    *ret_process = (struct process){
        .pid = (pid_t)strtol(name, NULL, 10),
        .parent = parent,
        .group = group,
        .born = born,
        .ticks = ticks[0] + ticks[1] + ticks[2] + ticks[3],
        .stopped = state == 'T',
        .resident_bytes = pages > 0 ? (uint64_t)pages * page_bytes : 0,
    };
    return true;
}

/* For a process that hides its shares, because it has another user's rights: its
 * private memory is still known. */
static uint64_t private_bytes(pid_t pid, uint64_t page_bytes)
{
    char path[64], text[256];
    uint64_t resident, shared;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    if (read_file(AT_FDCWD, path, text, sizeof text) <= 0 ||
        sscanf(text, "%*u %" SCNu64 " %" SCNu64, &resident, &shared) != 2)
        return 0;
    return resident > shared ? (resident - shared) * page_bytes : 0;
}

uint64_t process_share_bytes(pid_t pid, uint64_t page_bytes)
{
    static const char name[] = "\nPss:";
    char path[64], text[2048];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    ssize_t size = read_file(AT_FDCWD, path, text, sizeof text);
    const char *found = size > 0 ? strstr(text, name) : NULL;
    return found ? strtoull(found + sizeof name - 1, NULL, 10) << 10
                 : private_bytes(pid, page_bytes);
}

uint64_t process_ticks(const struct children *processes)
{
    uint64_t ticks = 0;
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; proc >= 0 && i < processes->count; i++) {
        char name[16];
        struct process process;
        snprintf(name, sizeof name, "%d", (int)processes->items[i].pid);
        if (process_read(proc, name, 0, &process))
            ticks += process.ticks;
    }
    if (proc >= 0)
        close(proc);
    return ticks;
}
