/* SPDX-License-Identifier: MIT */
/* The lock on the output: held for as long as the descriptor, or a copy that a fork
 * inherited, is open. */
#ifndef FANFOLD_SINK_OUTPUT_OUTPUT_LOCK_H
#define FANFOLD_SINK_OUTPUT_OUTPUT_LOCK_H

#include <stddef.h>
#include <stdint.h>

/* 0; -EBUSY: another process has it, and `error` says which, as far as that can be
 * seen; other -errno. Where the process that took the lock is gone, and only one that
 * inherited it is left (a sink's commit process, on its last commit), waits for that
 * one, but no longer than wait_us. Where the file system knows no locks, returns 0. */
int output_lock(int fd, const char *path, int64_t wait_us, char *error,
                size_t error_size);

#endif
