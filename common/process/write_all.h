/* SPDX-License-Identifier: MIT */
/* Writes all bytes of a small file; blocks as long as the disk does. */
#ifndef FANFOLD_COMMON_PROCESS_WRITE_ALL_H
#define FANFOLD_COMMON_PROCESS_WRITE_ALL_H

#include <stddef.h>

/* Writes at the descriptor's offset. 0, or -errno; then some bytes may be written. */
int write_all(int fd, const void *data, size_t size);

#endif
