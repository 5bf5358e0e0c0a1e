/* SPDX-License-Identifier: MIT */
/* A small file's bytes, written in one go: as long as the disk takes. */
#ifndef FANFOLD_SINK_WRITE_ALL_H
#define FANFOLD_SINK_WRITE_ALL_H

#include <stddef.h>

/* Where the descriptor stands. 0 or -errno; then some may be written. */
int write_all(int fd, const void *data, size_t size);

#endif
