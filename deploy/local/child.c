/* SPDX-License-Identifier: MIT */
/* Answerable for fork, a child's standard streams, its death with the parent, and wait.
 * Decides nothing. */
#include "deploy/local/child.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/parse.h"
#include "common/process/process_handle.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STUBBORN_MS = 2000, /* from SIGKILL until a child is given up */
    LOOK_MS = 5,
};

/* The path of the program in this folder; NULL: there is none. */
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

static char *find_beside(const char *folder, const char *program)
{
    char own[PATH_MAX];
    char between[64];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own);
    char *path = NULL;
    while (length > 0 && own[length - 1] != '/')
        length--;
    if (length <= 0)
        return NULL;
    path = program_at(own, (size_t)length - 1, "", program);
    if (!path) {
        snprintf(between, sizeof between, "../../%s/", folder);
        path = program_at(own, (size_t)length - 1, between, program);
    }
    return path;
}

static char *find(const char *build_folder, const char *program)
{
    const char *folder = getenv("PATH");
    char *path = find_beside(build_folder, program);
    while (!path && folder) {
        size_t length = strcspn(folder, ":");
        if (length > 0)
            path = program_at(folder, length, "", program);
        folder = folder[length] ? folder + length + 1 : NULL;
    }
    return path;
}

char *child_find(enum role role)
{
    return find(role_folders[role], role_programs[role]);
}

char *child_find_keygen(void)
{
    return find("deploy/keygen", "fanfold-keygen");
}

/* Data comes in at the ventilator and leaves at the sink. Text that a worker prints
 * outside of a chunk is not data, so its standard output is standard error. */
static void set_standard_fds(enum role role)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (role != ROLE_VENTILATOR)
        dup2(null, STDIN_FILENO);
    if (role == ROLE_VENTILATOR)
        dup2(null, STDOUT_FILENO);
    if (role == ROLE_WORKER)
        dup2(STDERR_FILENO, STDOUT_FILENO);
}

static void keep(int fd)
{
    if (fd >= 0)
        fcntl(fd, F_SETFD, 0);
}

static void become(const struct child_start *start, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(STATUS_SIGNAL + SIGKILL);
    set_standard_fds(start->role);
    keep(start->keep_fd);
    keep(start->also_keep_fd);
    /* A signal that comes before the ventilator listens waits until it does: then it
     * finishes what has come, as the launcher says. */
    struct launcher_signals signals = *start->signals;
    if (start->role == ROLE_VENTILATOR && !start->run)
        sigaddset(&signals.mask, SIGTERM);
    launcher_signals_leave_to_child(&signals);
    if (start->run)
        _exit(start->run(start->context));
    execv(start->path, start->argv);
    int error = errno;
    say("cannot execute %s: %s", start->path, strerror(error));
    _exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE);
}

int child_hold_fd(const char *value)
{
    uint64_t fd;
    if (!value || !parse_number(value, 3, INT_MAX, &fd) ||
        fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    return (int)fd;
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
    pid_t reaped = waitpid(pid, &status, WNOHANG);
    if (reaped < 0 && errno == ECHILD) /* somebody else reaped it: nobody knows how */
        *ret_ending = (struct ending){false, STATUS_PEER};
    if (reaped != pid)
        return reaped < 0 && errno == ECHILD;
    if (WIFSIGNALED(status))
        *ret_ending = (struct ending){true, WTERMSIG(status)};
    else
        *ret_ending = (struct ending){false, WEXITSTATUS(status)};
    return true;
}

/* ---- what roles leave behind ---- */

/* The process that ends all that a worker left behind, and then itself. */
static bool is_keeper(pid_t pid)
{
    char name[32];
    return strcmp(process_name(pid, name, sizeof name), "fanfold-keeper") == 0;
}

/* Kills the child and reaps it; false: this user may not kill it, or the kernel does
 * not let it go. */
static bool end(pid_t pid)
{
    if (kill(pid, SIGKILL) < 0 || !child_await_end(pid, STUBBORN_MS))
        return false;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return true;
}

/* Reaps what has ended. Whether there is a child left. */
static bool some_left(void)
{
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        ;
    return pid == 0;
}

void child_reap_orphans(int grace_ms)
{
    int64_t end_us = clock_now_us() + INT64_C(1000) * grace_ms;
    bool ended = true; /* the last round has; the next one has those that they had */
    while (some_left() && ended) {
        struct children all;
        if (clock_now_us() < end_us) {
            poll(NULL, 0, LOOK_MS);
            continue;
        }
        ended = false;
        children_list(&all);
        for (size_t i = 0; i < all.count; i++)
            ended |= end(all.items[i].pid);
        children_deinit(&all);
    }
}

bool child_end_strays(const struct children *others)
{
    struct children all;
    bool some = false;
    if (access("/proc/self/stat", R_OK) <
        0) /* a keeper could not be told from others */
        return false;
    children_list(&all);
    for (size_t i = 0; i < all.count; i++) {
        struct child_process child = all.items[i];
        if (!children_have(others, child.pid) && child.group != getpgrp() &&
            !is_keeper(child.pid))
            some |= end(child.pid);
    }
    children_deinit(&all);
    return some;
}

void child_await_closed(int fd, int grace_ms)
{
    int64_t now_us = clock_now_us(), end_us = now_us + INT64_C(1000) * grace_ms;
    char text[64];
    while (fd >= 0 && now_us < end_us) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        (void)poll(&polled, 1, clock_poll_ms(now_us, end_us, -1));
        if (polled.revents && read(fd, text, sizeof text) == 0)
            return;
        now_us = clock_now_us();
    }
}
