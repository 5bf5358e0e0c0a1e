/* SPDX-License-Identifier: MIT */
/*
 * The keys that a program was given: its own pair, with which ventilator it meets, and,
 * of a ventilator and a sink, whom they let in. From --keys (a directory that
 * fanfold-keygen made; for a worker also one secret certificate, or - for standard
 * input), or from the environment variable FANFOLD_KEY.
 */
#ifndef FANFOLD_COMMON_KEYS_KEY_SOURCE_H
#define FANFOLD_COMMON_KEYS_KEY_SOURCE_H

#include "common/keys/keyring.h"

#define KEY_VARIABLE "FANFOLD_KEY" /* the text of a worker's secret certificate */

struct keys {
    struct certificate own;
    struct keyring *keyring; /* NULL: a worker's, which lets nobody in */
};

/*
 * `where` is the value of --keys, or NULL; it counts before the variable. Both are
 * read now, and the variable is overwritten and unset, so that no program that this one
 * starts has it. `insecure`: the person wants no keys. 1: there are keys; 0: neither
 * was given, or none is wanted; -errno with a sentence in
 * `error`.
 */
int keys_open(struct keys *keys, enum key_role role, const char *where, bool insecure,
              char *error, size_t error_size);
/* The exit status for an outcome of keys_open: a slip of the command line, or another
 * trouble; STATUS_OK where it was none. */
int keys_status(int outcome);
/* Overwrites the secrets. `keys` may be all zero. */
void keys_close(struct keys *keys);

#endif
