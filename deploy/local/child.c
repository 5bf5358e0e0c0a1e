/* SPDX-License-Identifier: MIT */
/* Answerable for processes as the kernel sees them: fork, descriptors, death with the
 * parent, wait. Decides nothing. */
#include "deploy/local/child.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
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
    char *path;

    if (asprintf(&path, "%.*s/%s%s", (int)length, folder, between, program) < 0)
        abort();
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

/* The number of some child; 0: there is none, or it cannot be told. */
static pid_t any_child(void)
{
    char path[64];
    FILE *children;
    int pid = 0;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    children = fopen(path, "re");
    if (!children)
        return 0;
    if (fscanf(children, "%d", &pid) != 1)
        pid = 0;
    fclose(children);
    return pid;
}

/* Waits for the end of one child; false: there is none. */
static bool bury_one(int64_t kill_at_us)
{
    pid_t pid = any_child();
    struct pollfd ended = {.fd = -1, .events = POLLIN};

    if (pid == 0)
        return false;
    ended.fd = pidfd_open(pid, 0);
    if (ended.fd < 0)
        return false;
    if (poll(&ended, 1, clock_poll_ms(clock_now_us(), kill_at_us, -1)) == 0)
        kill(pid, SIGKILL);
    close(ended.fd);
    return waitpid(pid, NULL, 0) == pid || errno == EINTR;
}

void child_bury_orphans(int grace_ms)
{
    int64_t kill_at_us = clock_now_us() + INT64_C(1000) * grace_ms;

    while (bury_one(kill_at_us))
        ;
}
