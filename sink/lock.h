/* SPDX-License-Identifier: MIT */
/* The lock on the output: held for as long as the descriptor, or a copy that a fork
 * inherited, is open. */
#ifndef FANFOLD_SINK_LOCK_H
#define FANFOLD_SINK_LOCK_H

#include <stddef.h>
#include <stdint.h>

/* 0; -EBUSY: another process has it, and `error` says who, as far as that can be seen;
 * other -errno. Where whoever took the lock is gone, and only a process that inherited
 * it is left (a sink's committer, on its last commit), waits for that one, but no
 * longer than wait_us. A file system that knows no locks is no failure. */
int lock_file(int fd, const char *path, int64_t wait_us, char *error,
              size_t error_size);

#endif
