/* SPDX-License-Identifier: MIT */
/* Opens anew what another process of this user has open: a file that may have no name,
 * or another one than it had. */
#ifndef FANFOLD_COMMON_FILES_OPEN_THEIRS_H
#define FANFOLD_COMMON_FILES_OPEN_THEIRS_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* The regular file that the process `pid` has open under the number `fd`; *ret_status
 * is as it is now. -1: there is none, or this process may not have it. Numbers of
 * processes and descriptors are soon another's: the caller compares device and inode.
 * `flags`: as open has them, beside O_CLOEXEC. */
int open_theirs(pid_t pid, uint64_t fd, int flags, struct stat *ret_status);

#endif
