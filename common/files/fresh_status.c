/* SPDX-License-Identifier: MIT */
#include "common/files/fresh_status.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

bool fresh_status(int fd, struct stat *ret_status)
{
    struct statx now;
    unsigned wanted = STATX_TYPE | STATX_INO | STATX_SIZE | STATX_MTIME;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, wanted, &now) < 0)
        return fstat(fd, ret_status) == 0;
    *ret_status = (struct stat){
        .st_mode = now.stx_mode,
        .st_dev = makedev(now.stx_dev_major, now.stx_dev_minor),
        .st_ino = now.stx_ino,
        .st_size = (off_t)now.stx_size,
        .st_mtim = {.tv_sec = now.stx_mtime.tv_sec, .tv_nsec = now.stx_mtime.tv_nsec},
    };
    return true;
}
