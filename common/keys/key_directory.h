/* SPDX-License-Identifier: MIT */
/* Makes and changes a directory of keys, as --keys takes it. */
#ifndef FANFOLD_COMMON_KEYS_KEY_DIRECTORY_H
#define FANFOLD_COMMON_KEYS_KEY_DIRECTORY_H

#include <stddef.h>

/* All: 0, or -errno with a sentence in `error`; -EEXIST where there is one already. */

/* Makes the directory, with mode 0700, unless it is there, and in it the keys of a
 * ventilator, a sink and a worker. */
int key_directory_make(const char *directory, char *error, size_t error_size);
/* Adds the key of one more worker, worker-NAME. */
int key_directory_add(const char *directory, const char *name, char *error,
                      size_t error_size);
/* Moves the public certificate NAME.key to `revoked/`, where running programs see it,
 * and removes the secret one. */
int key_directory_revoke(const char *directory, const char *name, char *error,
                         size_t error_size);

#endif
