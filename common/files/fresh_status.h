/* SPDX-License-Identifier: MIT */
/* The state of an open file, as the server of a network file system has it. */
#ifndef FANFOLD_COMMON_FILES_FRESH_STATUS_H
#define FANFOLD_COMMON_FILES_FRESH_STATUS_H

#include <stdbool.h>
#include <sys/stat.h>

/* As fstat, but what the kernel keeps of a file's state is asked for anew: others
 * change the file, too. Fills in type, device, inode, size and time of modification. */
bool fresh_status(int fd, struct stat *ret_status);

#endif
