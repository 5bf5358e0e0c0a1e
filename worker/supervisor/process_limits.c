/* SPDX-License-Identifier: MIT */
/*
 * Of the system's limits of memory, RLIMIT_DATA is the one that fits: it counts the
 * memory that a process can write to, not the address space that it reserves, which
 * says nothing (a Java machine with 64 MB in use: 9.0 GB reserved, 0.5 GB of it
 * writable; node, 40 MB: 0.7 GB and 49 MB; Go, 2 MB: 0.7 GB and 45 MB; R, 51 MB: 103 MB
 * and 42 MB; Python, 14 MB: 17 MB and 8 MB). It is only a wall behind memory_watch, so
 * that a process does not take the whole host between two looks: hence the margin, in
 * which threads' stacks and heaps that are reserved and not used have room.
 */
#include "worker/supervisor/process_limits.h"
#include "common/exit_status.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MARGIN_TIMES = 4, NICENESS_MAX = 19 };
#define MARGIN_BYTES (UINT64_C(1) << 30)

static int set_niceness(int niceness)
{
    int own = getpriority(PRIO_PROCESS, 0);
    if (niceness == 0 || setpriority(PRIO_PROCESS, 0, niceness) == 0)
        return 0;
    /* It is nicer already, and may not become less nice: that is nice enough. */
    return niceness > 0 && own > niceness ? 0 : errno;
}

/* Where the system allows a lower niceness, it allows the way back. */
static int try_niceness(int niceness)
{
    int own = getpriority(PRIO_PROCESS, 0);
    int error = niceness < 0 ? set_niceness(niceness) : 0;
    if (niceness < 0 && error == 0)
        (void)setpriority(PRIO_PROCESS, 0, own);
    return error;
}

static int try_directory(const char *path)
{
    struct stat info;
    if (stat(path, &info) < 0)
        return errno;
    if (!S_ISDIR(info.st_mode))
        return ENOTDIR;
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0;
}

int process_limits_check(const struct program_config *config, char *error,
                         size_t error_size)
{
    int problem = config->workdir ? try_directory(config->workdir) : 0;
    if (problem) {
        snprintf(error, error_size, "--workdir: '%s': %s", config->workdir,
                 strerror(problem));
        return STATUS_USAGE;
    }
    if (config->memory_bytes && access("/proc/self/stat", R_OK) < 0) {
        snprintf(error, error_size, "--memory: /proc, which says how much is used: %s",
                 strerror(errno));
        return STATUS_USAGE;
    }
    if (access("/proc/self/stat", R_OK) < 0)
        log_event(
            LOG_LEVEL_WARN, "no_proc",
            "why=\"/proc is missing: a process that starts a session of its own is "
            "ended only when the worker leaves, not with its chunk\"");
    problem = try_niceness(config->niceness);
    if (problem) {
        snprintf(error, error_size, "--nice: '%d': %s", config->niceness,
                 strerror(problem));
        return STATUS_USAGE;
    }
    return 0;
}

int process_limits_enter(const struct program_config *config)
{
    if (config->workdir && chdir(config->workdir) < 0)
        return errno;
    return set_niceness(config->niceness);
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a < UINT64_MAX - b ? a + b : UINT64_MAX;
}

/* A few times the watch's limit, and some room in any case. */
static uint64_t wall(uint64_t bytes)
{
    uint64_t times = bytes < UINT64_MAX / MARGIN_TIMES ? bytes * MARGIN_TIMES
                                                       : UINT64_MAX;
    uint64_t more = plus(bytes, MARGIN_BYTES);
    return times > more ? times : more;
}

static rlim_t smaller(rlim_t a, rlim_t b)
{
    return a < b ? a : b;
}

static void set_wall(const struct program_config *config, pid_t pid, uint64_t above)
{
    struct rlimit limit;
    if (config->memory_bytes == 0 || prlimit(pid, RLIMIT_DATA, NULL, &limit) < 0)
        return;
    uint64_t most = plus(wall(config->memory_bytes), above);
    limit.rlim_cur = smaller(limit.rlim_cur, most);
    limit.rlim_max = smaller(limit.rlim_max, most);
    (void)prlimit(pid, RLIMIT_DATA, &limit, NULL);
}

void process_limits_restore(const struct program_config *config)
{
    struct rlimit limit;
    if (config->open_files == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = smaller(config->open_files, limit.rlim_max);
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

void process_limits_limit(const struct program_config *config)
{
    process_limits_restore(config);
    set_wall(config, 0, 0);
}

/* As RLIMIT_DATA counts it; 0: not known. */
static uint64_t data_bytes(pid_t pid)
{
    enum { DATA_FIELD = 5 };
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    char *at = text;
    for (int field = 0; field < DATA_FIELD; field++)
        (void)strtoull(at, &at, 10);
    return strtoull(at, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

void process_limits_limit_fork(const struct program_config *config, pid_t pid)
{
    if (config->memory_bytes)
        set_wall(config, pid, data_bytes(pid));
}
