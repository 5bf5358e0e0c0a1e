/* SPDX-License-Identifier: MIT */
/* A pipe or a terminal that others share, opened once more for ourselves. */
#ifndef FANFOLD_COMMON_OPEN_AGAIN_H
#define FANFOLD_COMMON_OPEN_AGAIN_H

/*
 * Opens for writing, without blocking, the pipe or terminal that `fd` is. The new
 * descriptor's O_NONBLOCK is its own, where that of `fd` would be for every process
 * that shares it. -1: it is something else, or cannot be opened again.
 */
int open_again(int fd);

#endif
