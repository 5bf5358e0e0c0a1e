/* SPDX-License-Identifier: MIT */
/*
 * Files below a directory, the root, by paths that cannot leave it: neither `..` nor a
 * symbolic link leads out, and no path begins at the top.
 */
#ifndef FANFOLD_COMMON_FILES_BELOW_H
#define FANFOLD_COMMON_FILES_BELOW_H

#include <sys/stat.h>

/* A descriptor of the directory, good for what follows; or -errno. */
int below_open_root(const char *path);

/* Opens the regular file `path` below the root for reading; *ret_status is as it is
 * then. Or -errno: -EXDEV and -ELOOP: the path leads out; -EMEDIUMTYPE: it is no
 * regular file. */
int below_open(int root, const char *path, struct stat *ret_status);
/* The same with calls that every kernel has, for one without openat2(2): it follows no
 * symbolic link at all. */
int below_open_by_steps(int root, const char *path, struct stat *ret_status);

/* The path below the root of a file that is open: the caller frees it. NULL: it is
 * elsewhere, or has no name any more. */
char *below_path(int root, int fd);

#endif
