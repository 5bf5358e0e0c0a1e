/* SPDX-License-Identifier: MIT */
/* Consecutive bytes of an open file. */
#ifndef FANFOLD_COMMON_FILE_EXTENT_H
#define FANFOLD_COMMON_FILE_EXTENT_H

#include <stdint.h>

struct file_extent {
    int fd;          /* borrowed; open as long as the task is not over */
    uint64_t serial; /* of this opening: tells one file from the next that has its fd */
    uint64_t device, inode; /* of the file */
    uint64_t offset;
    uint64_t size; /* bytes; 0: there is no extent */
};

#endif
