/* SPDX-License-Identifier: MIT */
/*
 * Paths that name an open descriptor and no file of their own: /dev/stdout, /dev/fd/3,
 * /proc/self/fd/3, or a symbolic link to one of these. What such a path leads to is
 * written as the shell opened it, at its place in the file and without cutting it.
 */
#ifndef FANFOLD_SINK_OUTPUT_OUTPUT_ALIAS_H
#define FANFOLD_SINK_OUTPUT_OUTPUT_ALIAS_H

#include <stdbool.h>
#include <sys/types.h>

struct output_alias {
    pid_t pid; /* whose descriptor it is */
    int fd;
};

/* False: the path is no alias. The descriptor need not be open. */
bool output_alias_find(const char *path, struct output_alias *ret_alias);
/* A descriptor of our own for it, beyond the standard ones; one of ours beyond these is
 * moved. -errno: -EBADF where it is not open for writing. */
int output_alias_take(const struct output_alias *alias);

#endif
