/* SPDX-License-Identifier: MIT */
/* A pipe is made close-on-exec, and only then is our end made non-blocking. */
#include "common/process/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void fd_block(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && flags & O_NONBLOCK)
        fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

int pipe_open(enum pipe_end ours, int *ret_ours, int *ret_theirs)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    fcntl(ends[ours], F_SETFL, O_NONBLOCK);
    *ret_ours = ends[ours];
    *ret_theirs = ends[!ours];
    return 0;
}
