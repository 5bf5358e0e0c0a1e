/* SPDX-License-Identifier: MIT */
/* The file of a socket that this process has bound to a path, which only this process
 * may remove: a file of that name may be a person's, or another program's socket. */
#ifndef FANFOLD_COMMON_FILES_OWN_PATH_H
#define FANFOLD_COMMON_FILES_OWN_PATH_H

#include <sys/types.h>

/* Zeroed: none. */
struct own_path {
    const char *path; /* borrowed; NULL: none */
    dev_t device;
    ino_t number;
};

/* The socket is bound to `path`; NULL: to what is no file. */
void own_path_note(struct own_path *own, const char *path);
/* Removes it, unless another file has the name by now; then there is none. */
void own_path_remove(struct own_path *own);

#endif
