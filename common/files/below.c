/* SPDX-License-Identifier: MIT */
/* Finds the file first, without opening it (O_PATH), because to open a device or a FIFO
 * may do more than one wants; what was found is what is opened then. */
#include "common/files/below.h"

#include "common/memory.h"
#include "common/process/fds.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif

enum {
    OWN_SIZE = sizeof "/proc/self/fd/-2147483648",
    AGAIN_MAX = 16, /* a directory was renamed while the kernel followed the path */
};

int below_open_root(const char *path)
{
    int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? -errno : root;
}

static void name_own(int fd, char name[OWN_SIZE])
{
    snprintf(name, OWN_SIZE, "/proc/self/fd/%d", fd);
}

/* Closes `found`, which an O_PATH has opened. */
static int open_found(int found, struct stat *ret_status)
{
    char name[OWN_SIZE];
    int result = -EMEDIUMTYPE;
    name_own(found, name);
    if (fstat(found, ret_status) < 0) {
        result = -errno;
    } else if (S_ISREG(ret_status->st_mode)) {
        result = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (result < 0)
            result = -errno;
    }
    fd_close(&found);
    return result;
}

/* ---- step by step ---- */

/* The entry of a directory, which it closes; or -errno. */
static int step(int directory, const char *name, bool last)
{
    struct stat status;
    int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC | (last ? 0 : O_DIRECTORY);
    int fd = openat(directory, name, flags);
    int error = fd < 0 ? errno : 0;
    if (error == ENOTDIR &&
        fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(status.st_mode))
        error = ELOOP;
    fd_close(&directory);
    if (fd < 0)
        return -error;
    if (fstat(fd, &status) == 0 && !S_ISLNK(status.st_mode))
        return fd;
    fd_close(&fd);
    return -ELOOP;
}

int below_open_by_steps(int root, const char *path, struct stat *ret_status)
{
    char names[PATH_MAX], *rest, *name;
    if (*path == '\0')
        return -ENOENT;
    if (*path == '/')
        return -EXDEV;
    if (strlen(path) >= sizeof names)
        return -ENAMETOOLONG;
    strcpy(names, path);
    int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
    for (name = strtok_r(names, "/", &rest); name && fd >= 0;) {
        char *next = strtok_r(NULL, "/", &rest);
        if (strcmp(name, "..") == 0) {
            fd_close(&fd);
            return -EXDEV;
        }
        fd = step(fd, name, !next);
        name = next;
    }
    return fd < 0 ? fd : open_found(fd, ret_status);
}

/* ---- at once ---- */

/* -ENOSYS: this kernel has no such call, or whoever watches over this process does not
 * let it. */
static int find(int root, const char *path)
{
#ifdef SYS_openat2
    const struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    for (int i = 0; i < AGAIN_MAX; i++) {
        long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0)
            return (int)fd;
        if (errno != EAGAIN && errno != EINTR)
            return errno == EPERM ? -ENOSYS : -errno;
    }
    return -EAGAIN;
#else
    (void)root, (void)path;
    return -ENOSYS;
#endif
}

int below_open(int root, const char *path, struct stat *ret_status)
{
    int found = find(root, path);
    if (found == -ENOSYS)
        return below_open_by_steps(root, path, ret_status);
    return found < 0 ? found : open_found(found, ret_status);
}

/* ---- the other way round ---- */

/* False: it has no name, or one that is too long. */
static bool read_name(int fd, char path[PATH_MAX])
{
    char name[OWN_SIZE];
    name_own(fd, name);
    ssize_t size = readlink(name, path, PATH_MAX);
    if (size <= 0 || size == PATH_MAX || *path != '/')
        return false;
    path[size] = '\0';
    return true;
}

/* The name may be an old one, and what is there now another file. */
static bool leads_to(int root, const char *path, int fd)
{
    struct stat status, other;
    int found = below_open(root, path, &other);
    if (found < 0)
        return false;
    fd_close(&found);
    return fstat(fd, &status) == 0 && status.st_dev == other.st_dev &&
           status.st_ino == other.st_ino;
}

char *below_path(int root, int fd)
{
    char top[PATH_MAX], path[PATH_MAX];
    if (!read_name(root, top) || !read_name(fd, path))
        return NULL;
    size_t size = strcmp(top, "/") == 0 ? 0 : strlen(top);
    if (strncmp(path, top, size) != 0 || path[size] != '/' || path[size + 1] == '\0' ||
        !leads_to(root, path + size + 1, fd))
        return NULL;
    return allocate_text("%s", path + size + 1);
}
