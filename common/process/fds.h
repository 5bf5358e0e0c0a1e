/* SPDX-License-Identifier: MIT */
/* Descriptors: closed once, and pipes of which one end is ours. */
#ifndef FANFOLD_COMMON_PROCESS_FDS_H
#define FANFOLD_COMMON_PROCESS_FDS_H

/* Closes *fd unless it is -1, and makes it -1. */
void fd_close(int *fd);

/* Clears O_NONBLOCK, which all share that have the same open file. */
void fd_block(int fd);

enum pipe_end { PIPE_READ, PIPE_WRITE };

/* A pipe, close-on-exec; our end does not block, the other does. 0 or -errno. */
int pipe_open(enum pipe_end ours, int *ret_ours, int *ret_theirs);

#endif
