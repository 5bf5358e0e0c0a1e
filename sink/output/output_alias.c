/* SPDX-License-Identifier: MIT */
#include "sink/output/output_alias.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum { LINKS_MAX = 40 };

static bool is_number(const char *text)
{
    size_t size = strspn(text, "0123456789");
    return size > 0 && size < 10 && text[size] == '\0';
}

/* "/proc/PID/fd" and "/proc/PID/task/TID/fd". */
static bool is_descriptor_folder(const char *folder, pid_t *ret_pid)
{
    int pid, task, end = 0;
    bool found =
        (sscanf(folder, "/proc/%d/fd%n", &pid, &end) == 1 && end && !folder[end]) ||
        (sscanf(folder, "/proc/%d/task/%d/fd%n", &pid, &task, &end) == 2 && end &&
         !folder[end]);
    if (found)
        *ret_pid = pid;
    return found;
}

/* Follows one link in `path`; false: there is none. */
static bool follow(char path[PATH_MAX], const char *folder, const char *name)
{
    char link[PATH_MAX], target[PATH_MAX];
    if (snprintf(link, sizeof link, "%s/%s", folder, name) >= PATH_MAX)
        return false;
    ssize_t size = readlink(link, target, sizeof target - 1);
    if (size <= 0)
        return false;
    target[size] = '\0';
    if (target[0] == '/')
        memcpy(path, target, (size_t)size + 1);
    else
        return snprintf(path, PATH_MAX, "%s/%s", folder, target) < PATH_MAX;
    return true;
}

bool output_alias_find(const char *path, struct output_alias *ret_alias)
{
    char current[PATH_MAX], copy[PATH_MAX], other[PATH_MAX], folder[PATH_MAX];
    if (snprintf(current, sizeof current, "%s", path) >= PATH_MAX)
        return false;
    for (int i = 0; i < LINKS_MAX; i++) {
        memcpy(copy, current, sizeof copy);
        memcpy(other, current, sizeof other);
        const char *name = basename(other);
        if (!realpath(dirname(copy), folder))
            return false;
        if (is_number(name) && is_descriptor_folder(folder, &ret_alias->pid)) {
            ret_alias->fd = atoi(name);
            return true;
        }
        if (!follow(current, folder, name))
            return false;
    }
    return false;
}

/* Another process's descriptor itself; else the file, opened as that one is. */
static int take_from_another(const struct output_alias *alias)
{
    char path[64];
    int process = pidfd_open(alias->pid, 0);
    int fd = process < 0 ? -1 : pidfd_getfd(process, alias->fd, 0);
    if (process >= 0)
        close(process);
    if (fd >= 0)
        return fd;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)alias->pid, alias->fd);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

static int move_away(int fd)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return moved < 0 ? -errno : moved;
}

int output_alias_take(const struct output_alias *alias)
{
    bool own = alias->pid == getpid();
    int fd = own ? alias->fd : take_from_another(alias);
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
    if (fd < 0)
        return fd;
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        if (!own)
            close(fd);
        return -EBADF;
    }
    int moved = move_away(fd);
    if (moved >= 0 && fd > STDERR_FILENO)
        close(fd);
    return moved;
}
