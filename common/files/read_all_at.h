/* SPDX-License-Identifier: MIT */
/* Reads bytes of a file from a place in it; the descriptor's own offset stays. */
#ifndef FANFOLD_COMMON_FILES_READ_ALL_AT_H
#define FANFOLD_COMMON_FILES_READ_ALL_AT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: the file ends before all are read, or cannot be read. */
bool read_all_at(int fd, void *data, size_t size, uint64_t offset);

#endif
