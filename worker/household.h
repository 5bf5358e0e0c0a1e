/* SPDX-License-Identifier: MIT */
/* The processes between the worker and user code, as the worker has them: the keeper,
 * and below it what prepares and forks the slots: the zygote of a plugin, the template
 * of a program of mode frames (called zygote here as well). Forked once, ended once. */
#ifndef FANFOLD_WORKER_HOUSEHOLD_H
#define FANFOLD_WORKER_HOUSEHOLD_H

#include "worker/program.h"
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct household {
    struct program_config config;
    pid_t keeper;        /* 0: not forked, or reaped */
    int keeper_link[2];  /* ours, the keeper's; -1: closed */
    int zygote_link[2];  /* ours, the zygote's; -1: closed, or there is none */
    int *errors;         /* the slots' ends of stderr, until the keeper has them */
    uint32_t prepared;   /* how often the zygote did; 0: it does not fork slots */
    struct rlimit limit; /* of descriptors, as it was when we were called */
};

/* How many descriptors the worker with such a program has open at most. */
uint64_t household_descriptors(const struct program_config *config);

/* Makes the links and pipes that the processes inherit, and raises the limit of
 * descriptors for us. ret_errors[slot] becomes our end of the slot's stderr, the
 * caller's. 0, or -errno (-EMFILE: also where the limit would not do later). */
int household_init(struct household *household, const struct program_config *config,
                   int *ret_errors);

/* Forks. What is in `ours` is closed in the children; `path` is what exec executes. 0,
 * or -errno. */
int household_fork(struct household *household, const char *path, const int *ours,
                   uint32_t count);

/* Whether there is something to prepare before the slots start. */
bool household_prepares(const struct program_config *config);

/* Waits until that is done. 0, or an exit status and a sentence. A program that does
 * not fork its slots leaves no zygote behind; the keeper starts them. */
int household_await(struct household *household, char *error, size_t error_size);

/* The link to whom starts the slots. */
int household_starter(const struct household *household);

/* Ends all processes below this one; `in_order`: the plugin may finish first. */
void household_end(struct household *household, bool in_order);

#endif
