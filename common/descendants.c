/* SPDX-License-Identifier: MIT */
/*
 * Finding children, and ending every descendant. Whoever loses its parent becomes our
 * child, so killing children and reaping them, again and again, reaches everybody,
 * those with a session of their own too. Children are found by their parent's pid in
 * /proc/PID/stat, because /proc/PID/task/TID/children is missing from many kernels.
 */
#include "common/descendants.h"

#include "common/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool read_stat(const char *name, pid_t *ret_parent, pid_t *ret_group)
{
    char path[300], text[512];
    snprintf(path, sizeof path, "/proc/%s/stat", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return false;
    text[size] = '\0';
    /* The name, in parentheses, may hold anything. */
    const char *rest = strrchr(text, ')');
    int parent, group;
    if (!rest || sscanf(rest + 1, " %*c %d %d", &parent, &group) != 2)
        return false;
    *ret_parent = parent;
    *ret_group = group;
    return true;
}

void children_list(struct children *ret_children)
{
    struct children children = {NULL, 0};
    DIR *proc = opendir("/proc");
    pid_t self = getpid();
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        struct kid kid = {.pid = (pid_t)strtol(entry->d_name, NULL, 10)};
        pid_t parent;
        if (kid.pid > 0 && read_stat(entry->d_name, &parent, &kid.group) &&
            parent == self)
            children_add(&children, kid);
    }
    if (proc)
        closedir(proc);
    *ret_children = children;
}

void children_add(struct children *children, struct kid kid)
{
    children->items =
        reallocate(children->items, children->count + 1, sizeof *children->items);
    children->items[children->count++] = kid;
}

void children_deinit(struct children *children)
{
    free(children->items);
    *children = (struct children){NULL, 0};
}

/* Signals the children of this process; with `group`, the whole group if a child is in
 * it. Returns how many could be signalled. */
static unsigned signal_children(pid_t group, int signal)
{
    DIR *proc = opendir("/proc");
    if (!proc)
        return 0;
    pid_t self = getpid();
    unsigned signalled = 0;
    for (struct dirent *entry; (entry = readdir(proc));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10), parent, its_group;
        if (pid <= 0 || !read_stat(entry->d_name, &parent, &its_group) ||
            parent != self || (group && its_group != group))
            continue;
        signalled += kill(group ? -group : pid, signal) == 0;
        if (group)
            break;
    }
    closedir(proc);
    return signalled;
}

bool descendants_end(void)
{
    unsigned idle = 0;
    for (;;) {
        pid_t reaped = waitpid(-1, NULL, WNOHANG);
        if (reaped > 0)
            continue;
        if (reaped < 0 && errno == ECHILD)
            return true;
        idle = signal_children(0, SIGKILL) > 0 ? 0 : idle + 1;
        if (idle > 100)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
}

void descendants_signal_group(pid_t group, int signal)
{
    signal_children(group, signal);
}

bool descendants_orphaned(void)
{
    pid_t own = getpgrp(), group = own, pid = getppid(), parent;
    char name[16];
    for (;;) {
        snprintf(name, sizeof name, "%d", (int)pid);
        if (pid <= 0 || !read_stat(name, &parent, &group))
            return true;
        if (group != own)
            return getsid(pid) != getsid(0);
        pid = parent;
    }
}
