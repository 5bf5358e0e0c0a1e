/* SPDX-License-Identifier: MIT */
/*
 * Finds children, and ends every descendant. A process that loses its parent becomes
 * our child, so killing and reaping children, again and again, reaches all of them,
 * even those in a session of their own. The kernel lists the children of a thread in
 * /proc/PID/task/TID/children. Some kernels lack that: then the parent's pid in the
 * /proc/PID/stat of all processes tells a child. Where /proc is missing, or hides those
 * of other users, waitid tells of each number whether it is a child.
 */
#include "common/process/descendants.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/process/process_handle.h"
#include "common/process/strangers.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PIDS_MAX = 1 << 22, /* the kernel's own limit */
    IDLE_MAX = 100,     /* rounds in which nothing could be killed or reaped */
    DESCRIBED_MAX = 5,
};
static const int64_t stubborn_us = 5 * SECOND_US; /* after SIGKILL, for the kernel */
static const int64_t own_end_us = SECOND_US;      /* before SIGTERM */
static const int64_t grace_us = 2 * SECOND_US;    /* from SIGTERM to SIGKILL */

struct stat_line {
    pid_t parent, group;
    char state;
};

static bool read_stat(const char *name, struct stat_line *ret_stat)
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
    /* The name, in parentheses, may hold any byte. */
    const char *rest = strrchr(text, ')');
    int parent, group;
    if (!rest || sscanf(rest + 1, " %c %d %d", &ret_stat->state, &parent, &group) != 3)
        return false;
    ret_stat->parent = parent;
    ret_stat->group = group;
    return true;
}

bool descendants_adopt(void)
{
    return !strangers_expected() && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

/* ---- lists ---- */

void children_add(struct children *children, struct child_process child)
{
    children->items =
        reallocate(children->items, children->count + 1, sizeof *children->items);
    children->items[children->count++] = child;
}

void children_deinit(struct children *children)
{
    free(children->items);
    *children = (struct children){NULL, 0};
}

bool children_have(const struct children *children, pid_t pid)
{
    for (size_t i = 0; i < children->count; i++)
        if (children->items[i].pid == pid)
            return true;
    return false;
}

static bool has_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void list_numbers(struct children *children, pid_t from, pid_t to)
{
    siginfo_t info;
    for (pid_t pid = from; pid <= to; pid++)
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
            children_add(children, (struct child_process){pid, getpgid(pid)});
}

/* The number of the youngest process. */
static pid_t youngest(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 ? pid : PIDS_MAX;
}

/* The kernel gives out numbers in order, and begins again from the lowest; so mostly
 * the children are between us and the youngest. */
static void list_by_number(struct children *children)
{
    pid_t self = getpid(), end = youngest();
    if (end > self)
        list_numbers(children, self + 1, end);
    if (children->count == 0)
        list_numbers(children, 1, PIDS_MAX);
}

/* ---- by the kernel's lists ---- */

static bool kernel_lists_children(void)
{
    return access("/proc/thread-self/children", R_OK) == 0;
}

static void add_child(struct children *list, const char *name, bool zombies)
{
    pid_t pid = (pid_t)strtol(name, NULL, 10);
    struct stat_line stat;
    if (pid <= 0 || children_have(list, pid))
        return;
    if (!read_stat(name, &stat))
        children_add(list, (struct child_process){pid, getpgid(pid)});
    else if (zombies || stat.state != 'Z')
        children_add(list, (struct child_process){pid, stat.group});
}

/* The file ends with a space behind the last number. */
static void add_children_of_thread(struct children *list, FILE *file, bool zombies)
{
    char name[16];
    while (fscanf(file, "%15s", name) == 1)
        add_child(list, name, zombies);
}

static void add_children_of(struct children *list, pid_t parent, bool zombies)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)parent);
    DIR *threads = opendir(path);
    for (struct dirent *entry; threads && (entry = readdir(threads));) {
        snprintf(path, sizeof path, "%.20s/children", entry->d_name);
        int fd = openat(dirfd(threads), path, O_RDONLY | O_CLOEXEC);
        FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
        if (file) {
            add_children_of_thread(list, file, zombies);
            fclose(file);
        }
    }
    if (threads)
        closedir(threads);
}

/* Those that live. */
static void add_below(struct children *list, pid_t top)
{
    add_children_of(list, top, false);
    for (size_t i = 0; i < list->count; i++)
        add_children_of(list, list->items[i].pid, false);
}

/* ---- by the parents of all processes ---- */

/* Adds the processes whose parent is this one or, `deep`, is in the list. */
static void add_by_parents(struct children *list, bool deep, bool zombies)
{
    DIR *proc = opendir("/proc");
    pid_t self = getpid();
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        struct stat_line stat;
        if (pid > 0 && read_stat(entry->d_name, &stat) &&
            (zombies || stat.state != 'Z') &&
            (stat.parent == self || (deep && children_have(list, stat.parent))) &&
            !children_have(list, pid))
            children_add(list, (struct child_process){pid, stat.group});
    }
    if (proc)
        closedir(proc);
}

/* ---- both ---- */

void children_list(struct children *ret_children)
{
    struct children children = {NULL, 0};
    if (kernel_lists_children())
        add_children_of(&children, getpid(), true);
    else
        add_by_parents(&children, false, true);
    if (children.count == 0 && has_children())
        list_by_number(&children);
    *ret_children = children;
}

/* Adds those that live below this process and below those in the list. */
static bool list_generation(struct children *list)
{
    size_t before = list->count;
    if (!kernel_lists_children()) {
        add_by_parents(list, true, false);
        return list->count > before;
    }
    add_below(list, getpid());
    return list->count > before;
}

void descendants_list(struct children *ret_descendants)
{
    struct children list = {NULL, 0};
    if (!has_children()) {
        *ret_descendants = list;
        return;
    }
    while (list_generation(&list))
        ;
    if (list.count == 0)
        children_list(&list);
    *ret_descendants = list;
}

bool descendants_list_below(pid_t top, struct children *ret_descendants)
{
    *ret_descendants = (struct children){NULL, 0};
    if (!kernel_lists_children())
        return false;
    add_below(ret_descendants, top);
    return true;
}

void descendants_of_group(pid_t group, struct children *ret_members)
{
    struct children all, members = {NULL, 0};
    descendants_list(&all);
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i].group == group && all.items[i].pid != group)
            children_add(&members, all.items[i]);
    children_deinit(&all);
    *ret_members = members;
}

const char *children_describe(const struct children *children, char *text, size_t size)
{
    size_t used = 0;
    *text = '\0';
    for (size_t i = 0; i < children->count && used < size; i++) {
        char name[32], quoted[80];
        pid_t pid = children->items[i].pid;
        process_name(pid, name, sizeof name);
        if (i == DESCRIBED_MAX) {
            snprintf(text + used, size - used, " and %zu more", children->count - i);
            break;
        }
        log_quote(quoted, sizeof quoted, name, strlen(name));
        quoted[strlen(quoted) - 1] = '\0'; /* within the quotes of a longer text */
        used += (size_t)snprintf(text + used, size - used, "%s%s (%d)", i ? ", " : "",
                                 quoted + 1, (int)pid);
    }
    return text;
}

/* ---- ending ---- */

/* Returns how many signals were sent. */
static unsigned signal_all(const struct children *list, int signal)
{
    unsigned signalled = 0;
    for (size_t i = 0; i < list->count; i++)
        signalled += kill(list->items[i].pid, signal) == 0;
    return signalled;
}

static unsigned kill_children(void)
{
    struct children children;
    children_list(&children);
    unsigned signalled = signal_all(&children, SIGKILL);
    children_deinit(&children);
    return signalled;
}

static unsigned count_children(void)
{
    struct children children;
    children_list(&children);
    unsigned count = (unsigned)children.count;
    children_deinit(&children);
    return count;
}

unsigned descendants_end(void)
{
    int64_t end_us = clock_now_us() + stubborn_us;
    for (unsigned idle = 0; idle < IDLE_MAX && clock_now_us() < end_us;) {
        pid_t reaped = waitpid(-1, NULL, WNOHANG);
        if (reaped > 0) {
            end_us = clock_now_us() + stubborn_us;
            continue;
        }
        if (reaped < 0 && errno == ECHILD)
            return 0;
        idle = kill_children() > 0 ? 0 : idle + 1;
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return count_children();
}

/* Whether all have ended by then. */
static bool await_end(int64_t wait_us)
{
    int64_t end_us = clock_now_us() + wait_us;
    for (;;) {
        pid_t reaped = waitpid(-1, NULL, WNOHANG);
        if (reaped < 0 && errno == ECHILD)
            return true;
        if (reaped > 0)
            continue;
        if (clock_now_us() >= end_us)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

void descendants_end_gently(void)
{
    struct children list;
    char text[400];
    if (await_end(own_end_us))
        return;
    descendants_list(&list);
    if (list.count > 0)
        log_event(LOG_LEVEL_WARN, "left_behind",
                  "processes=\"%s\" why=\"the program started them in a session of "
                  "their own, and they still ran %d s after the last chunk: they get "
                  "SIGTERM, and SIGKILL %d s later\"",
                  children_describe(&list, text, sizeof text),
                  (int)(own_end_us / SECOND_US), (int)(grace_us / SECOND_US));
    signal_all(&list, SIGTERM);
    signal_all(&list, SIGCONT);
    children_deinit(&list);
    (void)await_end(grace_us);
}

void descendants_tell_left(void)
{
    struct children list;
    char text[400];
    children_list(&list);
    if (list.count > 0)
        log_event(LOG_LEVEL_WARN, "not_ended",
                  "processes=\"%s\" why=\"the program left them behind, and this user "
                  "may not end them, or the kernel does not: they live on\"",
                  children_describe(&list, text, sizeof text));
    children_deinit(&list);
}

void descendants_signal_group(pid_t group, int signal)
{
    struct children children;
    bool found = false;
    children_list(&children);
    for (size_t i = 0; i < children.count && !found; i++)
        found = children.items[i].group == group;
    if (found)
        kill(-group, signal);
    children_deinit(&children);
}

bool descendants_orphaned(pid_t worker)
{
    pid_t own = getpgrp(), pid = worker;
    char name[16];
    for (;;) {
        struct stat_line stat;
        snprintf(name, sizeof name, "%d", (int)pid);
        if (pid <= 0 || !read_stat(name, &stat))
            return true;
        if (stat.group != own)
            return getsid(pid) != getsid(0);
        pid = stat.parent;
    }
}
