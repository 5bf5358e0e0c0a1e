/* SPDX-License-Identifier: MIT */
/*
 * The keys of one run that other hosts may join, where the person gave none: made for
 * it, in a directory beside the output's journal, so that workers which outlive a crash
 * are let in again by --resume; without a journal, in the private directory. They are
 * gone when the run is complete.
 */
#ifndef FANFOLD_DEPLOY_LOCAL_RUN_KEYS_H
#define FANFOLD_DEPLOY_LOCAL_RUN_KEYS_H

#include "deploy/local/arguments.h"

struct run_keys {
    char *directory;   /* NULL: the run needs none */
    char *worker_file; /* the absolute path of what a worker needs */
    int lock;          /* on the directory, beside an output; -1: none */
};

#define RUN_KEYS_NONE ((struct run_keys){.lock = -1})

/* STATUS_OK, or an exit status after a line for a person. `private` is the private
 * directory. */
int run_keys_open(struct run_keys *keys, const struct arguments *arguments,
                  const char *private);
/* Removes them, unless a journal is there and says that the run can be resumed. */
void run_keys_close(struct run_keys *keys, const struct arguments *arguments);

#endif
