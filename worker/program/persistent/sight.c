/* SPDX-License-Identifier: MIT */
/*
 * A thread that is blocked in a system call shows its number and arguments in
 * /proc/PID/task/TID/syscall. Threads are looked at one after the other; so where there
 * are several, they are looked at twice, and are still only if none ran in between.
 */
#include "worker/program/persistent/sight.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROCESSES_MAX = 64, THREADS_MAX = 256, LIST_MAX = 8192, PATH_BYTES = 80 };

struct look {
    char pipe[40]; /* the input, as /proc names it */
    pid_t processes[PROCESSES_MAX];
    unsigned count, threads;
    bool blind, reads, busy, unsure;
    uint64_t trace; /* of all that was seen */
};

/* How many bytes; < 0: it is not shown, or is longer. */
static ssize_t read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    if (got >= 0)
        text[got] = '\0';
    return got < (ssize_t)size - 1 ? got : -1;
}

static void note(struct look *look, const char *text)
{
    for (; *text; text++)
        look->trace = (look->trace ^ (uint8_t)*text) * UINT64_C(1099511628211);
}

static void add_process(struct look *look, pid_t pid)
{
    if (look->count < PROCESSES_MAX)
        look->processes[look->count++] = pid;
    else
        look->unsure = true;
}

/* The children that a thread of `pid` has; if `leader` is not 0 only others than this
 * one, of its group. */
static void add_children(struct look *look, pid_t pid, pid_t thread, pid_t leader,
                         pid_t group)
{
    char path[PATH_BYTES], text[LIST_MAX], *rest = text;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)thread);
    if (read_text(path, text, sizeof text) < 0) {
        look->unsure = true;
        return;
    }
    for (char *end; *rest; rest = end) {
        pid_t child = (pid_t)strtol(rest, &end, 10);
        if (end == rest)
            return;
        if (!leader || (child != leader && getpgid(child) == group))
            add_process(look, child);
    }
}

/* ---- one thread ---- */

/* Bytes come to such a descriptor only from a process; and ours is among them. */
static void on_read(struct look *look, pid_t pid, uint64_t fd)
{
    char path[PATH_BYTES], name[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%" PRIu64, (int)pid, fd);
    ssize_t size = readlink(path, name, sizeof name - 1);
    if (size < 0) {
        look->unsure = true;
        return;
    }
    name[size] = '\0';
    if (strcmp(name, look->pipe) == 0)
        look->reads = true;
    else if (strncmp(name, "pipe:", 5) != 0 && !strstr(name, "[eventfd]"))
        look->unsure = true;
}

/* Waits for other threads or processes, whatever they need for it. */
static bool waits_for_others(long number, const uint64_t *arguments)
{
    switch (number) {
    case SYS_wait4:
    case SYS_waitid:
    case SYS_rt_sigsuspend:
#ifdef SYS_pause
    case SYS_pause:
#endif
        return true;
    case SYS_futex:
        return arguments[3] == 0; /* no time limit */
    case SYS_rt_sigtimedwait:
        return arguments[2] == 0;
    default:
        return false;
    }
}

/* Sleeps, and goes on by itself. */
static bool sleeps(long number, const uint64_t *arguments)
{
    switch (number) {
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
        return true;
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_pselect6:
        return arguments[0] == 0; /* of no descriptors */
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
        return arguments[1] == 0;
    default:
        return false;
    }
}

static void on_call(struct look *look, pid_t pid, const char *text)
{
    uint64_t arguments[6] = {0};
    char *rest;
    long number = strtol(text, &rest, 10);
    for (unsigned i = 0; i < 6; i++)
        arguments[i] = strtoull(rest, &rest, 16);
    if (number == SYS_read || number == SYS_readv)
        on_read(look, pid, arguments[0]);
    else if (sleeps(number, arguments))
        look->busy = true;
    else if (!waits_for_others(number, arguments))
        look->unsure = true;
}

/* What changes whenever the thread has run. */
static void note_switches(struct look *look, pid_t pid, const char *thread)
{
    char path[PATH_BYTES], text[4096];
    snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid, thread);
    const char *switches =
        read_text(path, text, sizeof text) < 0 ? NULL : strstr(text, "voluntary_ctxt");
    if (switches)
        note(look, switches);
    else
        look->unsure = true;
}

static void look_at_thread(struct look *look, pid_t pid, const char *thread)
{
    char path[PATH_BYTES], text[256];
    snprintf(path, sizeof path, "/proc/%d/task/%s/syscall", (int)pid, thread);
    if (read_text(path, text, sizeof text) <= 0) {
        if (pid != look->processes[0] && kill(pid, 0) < 0 && errno == ESRCH)
            look->busy = true; /* it has ended just now */
        else
            look->blind = true;
        return;
    }
    look->threads++;
    note(look, thread);
    note(look, text);
    if (strncmp(text, "running", 7) == 0)
        look->busy = true;
    else if (strncmp(text, "-1 0x0 0x0", 10) == 0)
        ; /* a zombie */
    else if (*text == '-')
        look->busy = true;
    else
        on_call(look, pid, text);
}

/* ---- all of them ---- */

static void look_at_threads(struct look *look, pid_t pid, DIR *tasks)
{
    const struct dirent *entry;
    while ((entry = readdir(tasks))) {
        if (*entry->d_name == '.')
            continue;
        if (look->threads >= THREADS_MAX) {
            look->unsure = true;
            return;
        }
        look_at_thread(look, pid, entry->d_name);
        note_switches(look, pid, entry->d_name);
        add_children(look, pid, (pid_t)atol(entry->d_name), 0, 0);
    }
}

/* Mostly there is one thread, and no need to list them: the directory has a link for
 * each, and two of its own. */
static void look_at_process(struct look *look, pid_t pid)
{
    char path[PATH_BYTES], thread[16];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    if (stat(path, &status) == 0 && status.st_nlink == 3) {
        snprintf(thread, sizeof thread, "%d", (int)pid);
        look_at_thread(look, pid, thread);
        add_children(look, pid, pid, 0, 0);
        if (look->count > 1)
            note_switches(look, pid, thread);
        return;
    }
    DIR *tasks = opendir(path);
    if (!tasks) {
        look->busy |= look->processes[0] != pid; /* it has ended just now */
        look->blind |= look->processes[0] == pid;
        return;
    }
    look_at_threads(look, pid, tasks);
    closedir(tasks);
}

static void look_at_all(struct look *look, pid_t leader, pid_t above)
{
    look->trace = UINT64_C(14695981039346656037);
    add_process(look, leader);
    if (above > 0)
        add_children(look, above, above, leader, getpgid(leader));
    for (unsigned i = 0; i < look->count && !look->blind; i++)
        look_at_process(look, look->processes[i]);
}

static bool is_still(const struct look *look)
{
    return look->reads && !look->busy && !look->unsure;
}

struct sight sight_look(pid_t leader, pid_t above, int input)
{
    struct look look = {0}, again = {0};
    struct stat status;
    if (leader <= 0 || input < 0 || fstat(input, &status) < 0)
        return (struct sight){0};
    snprintf(look.pipe, sizeof look.pipe, "pipe:[%llu]",
             (unsigned long long)status.st_ino);
    memcpy(again.pipe, look.pipe, sizeof again.pipe);
    look_at_all(&look, leader, above);
    if (look.blind)
        return (struct sight){0};
    bool still = is_still(&look);
    if (still && look.threads > 1) {
        look_at_all(&again, leader, above);
        still = !again.blind && is_still(&again) && again.trace == look.trace;
    }
    return (struct sight){
        .seen = true, .reads = look.reads, .busy = look.busy, .still = still};
}

pid_t sight_parent(pid_t pid)
{
    char path[PATH_BYTES], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const char *rest = read_text(path, text, sizeof text) < 0 ? NULL
                                                              : strrchr(text, ')');
    long parent = 0;
    if (rest && strlen(rest) > 3)
        parent = strtol(rest + 3, NULL, 10);
    return (pid_t)parent;
}
