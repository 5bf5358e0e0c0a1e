/* SPDX-License-Identifier: MIT */
#include "common/process/sync_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

int sync_directory(int directory)
{
    if (fsync(directory) == 0)
        return 0;
    /* EBADF: the descriptor only names the directory (O_PATH). */
    return errno == EINVAL || errno == ENOTSUP || errno == ENOSYS || errno == EBADF
               ? 0
               : -errno;
}

int sync_directory_of(const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? 0 : -errno;
    int result = sync_directory(fd);
    close(fd);
    return result;
}
