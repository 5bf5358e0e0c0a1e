/* SPDX-License-Identifier: MIT */
#include "common/spool/whole_file.h"

#include "common/process/fds.h"
#include "common/process/sync_directory.h"
#include "common/process/write_all.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

int whole_file_make(int directory, const char *name, const char *temporary,
                    const void *bytes, size_t size)
{
    int flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    int fd = openat(directory, temporary, flags, 0600);
    int result = fd < 0 ? -errno : write_all(fd, bytes, size);
    if (result == 0 && fsync(fd) != 0)
        result = -errno;
    if (result == 0 && renameat2(directory, temporary, directory, name, 0) != 0)
        result = -errno;
    if (result == 0)
        result = sync_directory(directory);
    if (result == 0)
        return fd;
    fd_close(&fd);
    return result;
}

int whole_file_put(int fd, const void *bytes, size_t size, bool syncs)
{
    ssize_t put = pwrite(fd, bytes, size, 0);
    if (put != (ssize_t)size)
        return put < 0 ? -errno : -ENOSPC;
    return syncs && fdatasync(fd) != 0 ? -errno : 0;
}
