/* SPDX-License-Identifier: MIT */
/* A copy of this host's worker, with the libraries that it needs, for hosts that have
 * none: an archive in memory, made once a run. */
#ifndef FANFOLD_DEPLOY_SSH_SELF_COPY_H
#define FANFOLD_DEPLOY_SSH_SELF_COPY_H

#include <stdbool.h>
#include <stddef.h>

struct self_copy {
    int fd; /* below 1: none */
    size_t size;
    char system[160]; /* for which it is, as `uname -sm` has it */
};

/* Blocks for as long as tar takes. False after a sentence for a person. */
bool self_copy_make(struct self_copy *copy, const char *worker);
void self_copy_deinit(struct self_copy *copy);

#endif
