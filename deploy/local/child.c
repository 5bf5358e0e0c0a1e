/* SPDX-License-Identifier: MIT */
/* Answerable for processes as the kernel sees them: fork, descriptors, death with the
 * parent, wait. Decides nothing. */
#include "deploy/local/child.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The path, if there is a program; NULL. */
static char *program_at(const char *folder, size_t length, const char *between,
                        const char *program)
{
    struct stat file;
    char *path = allocate_text("%.*s/%s%s", (int)length, folder, between, program);

    if (stat(path, &file) == 0 && S_ISREG(file.st_mode) && access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static char *find_beside(enum role role)
{
    char own[PATH_MAX];
    char between[64];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own);
    char *path = NULL;

    while (length > 0 && own[length - 1] != '/')
        length--;
    if (length <= 0)
        return NULL;
    path = program_at(own, (size_t)length - 1, "", role_programs[role]);
    if (!path) {
        snprintf(between, sizeof between, "../../%s/", role_folders[role]);
        path = program_at(own, (size_t)length - 1, between, role_programs[role]);
    }
    return path;
}

char *child_find(enum role role)
{
    const char *folder = getenv("PATH");
    char *path = find_beside(role);

    while (!path && folder) {
        size_t length = strcspn(folder, ":");
        if (length > 0)
            path = program_at(folder, length, "", role_programs[role]);
        folder = folder[length] ? folder + length + 1 : NULL;
    }
    return path;
}

/* The data's way: in at the ventilator, out at the sink. What a worker's program says
 * on its standard output outside of a chunk belongs to nobody's data. */
static void set_streams(enum role role, int keep_fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (role != ROLE_VENTILATOR)
        dup2(null, STDIN_FILENO);
    if (role == ROLE_VENTILATOR)
        dup2(null, STDOUT_FILENO);
    if (role == ROLE_WORKER)
        dup2(STDERR_FILENO, STDOUT_FILENO);
    if (keep_fd >= 0)
        fcntl(keep_fd, F_SETFD, 0);
}

static void become(const struct child_start *start, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(STATUS_SIGNAL + SIGKILL);
    set_streams(start->role, start->keep_fd);
    signals_leave_to_child(start->signals);
    execv(start->path, start->argv);
    int error = errno;
    say("cannot execute %s: %s", start->path, strerror(error));
    _exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE);
}

pid_t child_start(const struct child_start *start)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0)
        become(start, parent);
    return pid < 0 ? -errno : pid;
}

bool child_ended(pid_t pid, struct ending *ret_ending)
{
    int status;

    if (waitpid(pid, &status, WNOHANG) != pid)
        return false;
    if (WIFSIGNALED(status))
        *ret_ending = (struct ending){true, WTERMSIG(status)};
    else
        *ret_ending = (struct ending){false, WEXITSTATUS(status)};
    return true;
}

static bool is_among(const struct children *children, pid_t pid)
{
    for (size_t i = 0; i < children->count; i++)
        if (children->items[i].pid == pid)
            return true;
    return false;
}

static bool is_group_among(const struct children *children, pid_t group)
{
    for (size_t i = 0; i < children->count; i++)
        if (children->items[i].group == group)
            return true;
    return false;
}

/* Some child that is not among the others; 0: there is none. */
static pid_t any_orphan(const struct children *others)
{
    struct children all;
    pid_t orphan = 0;

    children_list(&all);
    for (size_t i = 0; i < all.count && orphan == 0; i++)
        if (!is_among(others, all.items[i].pid))
            orphan = all.items[i].pid;
    children_deinit(&all);
    return orphan;
}

static void bury(pid_t pid, int64_t kill_at_us)
{
    struct pollfd ended = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    int wait_ms = clock_poll_ms(clock_now_us(), kill_at_us, -1);

    if (ended.fd < 0 || poll(&ended, 1, wait_ms) == 0)
        kill(pid, SIGKILL);
    if (ended.fd >= 0)
        close(ended.fd);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

void child_bury_orphans(const struct children *others, int grace_ms)
{
    int64_t kill_at_us = clock_now_us() + INT64_C(1000) * grace_ms;
    pid_t orphan;

    while ((orphan = any_orphan(others)) != 0)
        bury(orphan, kill_at_us);
}

/* The group is what tells a slot's program from a caller's child's child, which may be
 * where the input comes from. */
bool child_end_strays(const struct children *others)
{
    struct children all;
    bool some = false;

    children_list(&all);
    for (size_t i = 0; i < all.count; i++) {
        struct kid kid = all.items[i];
        if (is_among(others, kid.pid) || is_group_among(others, kid.group) ||
            kid.group == getpgrp())
            continue;
        bury(kid.pid, 0);
        some = true;
    }
    children_deinit(&all);
    return some;
}
