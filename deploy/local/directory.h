/* SPDX-License-Identifier: MIT */
/* The private directory of one run, which holds its ipc endpoints. */
#ifndef FANFOLD_DEPLOY_LOCAL_DIRECTORY_H
#define FANFOLD_DEPLOY_LOCAL_DIRECTORY_H

#include <stddef.h>

/* Longest path of a directory, with its zero: an endpoint's path in it must fit into
 * the 107 characters of a socket's. */
enum { DIRECTORY_PATH_MAX = 108 - sizeof "/results" + 1 };

/*
 * Makes it (mode 0700) in $XDG_RUNTIME_DIR, else $TMPDIR, else /tmp: the first that is
 * absolute, short enough and can be written to. 0, or -errno of the last.
 */
int directory_make(char path[DIRECTORY_PATH_MAX]);
/* With what is in it; one that is gone already is no error. */
void directory_remove(const char *path);

#endif
