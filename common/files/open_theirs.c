/* SPDX-License-Identifier: MIT */
/* Looks before it opens, because to open a device or a FIFO may do more than one wants;
 * and looks again at what it has opened, which may be something else by then. */
#include "common/files/open_theirs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

int open_theirs(pid_t pid, uint64_t fd, int flags, struct stat *ret_status)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%" PRIu64, (int)pid, fd);
    if (stat(path, ret_status) < 0 || !S_ISREG(ret_status->st_mode))
        return -1;
    int own = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (own < 0 || (fstat(own, ret_status) == 0 && S_ISREG(ret_status->st_mode)))
        return own;
    close(own);
    return -1;
}
