/* SPDX-License-Identifier: MIT */
/* The private directory of one run, which holds its ipc endpoints. */
#ifndef FANFOLD_DEPLOY_LOCAL_PRIVATE_DIR_H
#define FANFOLD_DEPLOY_LOCAL_PRIVATE_DIR_H

#include <stddef.h>

/* Bytes of the longest path, with its zero: an endpoint's path in the directory must
 * fit into the 107 characters of a socket's. */
enum { PRIVATE_DIR_PATH_MAX = 108 - sizeof "/results" + 1 };

/*
 * Makes the directory (mode 0700) in $XDG_RUNTIME_DIR, else $TMPDIR, else /tmp: in the
 * first that is absolute, short enough and writable; and removes those that dead runs
 * left there. The descriptor of a shared lock on it, or the -errno of the last, whose
 * path is in `path`.
 */
int private_dir_make(char path[PRIVATE_DIR_PATH_MAX]);
/*
 * A directory for dead letters that end with the run, in $TMPDIR, else /tmp. They may
 * be large, so it is not in the private directory. 0, or -errno of making it in `path`.
 */
int private_dir_make_letters(char *path, size_t size);
/* A shared lock on the directory, for as long as the descriptor is open: nobody takes
 * it for a dead run's. -errno; -EAGAIN: somebody did just now. */
int private_dir_lock(const char *path);
/* Removes the directories in `parent` that dead runs of this user left. */
void private_dir_sweep(const char *parent);
/* Removes the directory and the files in it; it is no error if it is gone already. */
void private_dir_remove(const char *path);

#endif
