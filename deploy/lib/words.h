/* SPDX-License-Identifier: MIT */
/* The command line of fanfold(1) that a configuration means. Pure. */
#ifndef FANFOLD_DEPLOY_LIB_WORDS_H
#define FANFOLD_DEPLOY_LIB_WORDS_H

#include "deploy/lib/libfanfold.h"

struct words {
    char **items; /* NULL behind the last */
    size_t count;
    int failed; /* there was no memory for one */
};

/* The words, `program` first; check `failed`. */
void words_init(struct words *words, const struct fanfold_config *config,
                const char *program);
void words_deinit(struct words *words);

#endif
