/* SPDX-License-Identifier: MIT */
/*
 * The processes between the worker and user code, as the worker sees them: the keeper,
 * below it the supervisor, and below that the process that prepares and forks the
 * slots. That is the zygote for a plugin and the fork server for a program of mode
 * frames; here both are called zygote. Forked once, ended once.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_HELPERS_H
#define FANFOLD_WORKER_SUPERVISOR_HELPERS_H

#include "worker/program/program_config.h"
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct helpers {
    struct program_config config;
    pid_t worker;        /* whoever called helpers_fork */
    pid_t keeper;        /* above the supervisor; 0: not forked, or reaped */
    bool adopts;         /* the worker may end all that becomes its child */
    int spawn_link[2];   /* our end, the supervisor's; -1: closed */
    int zygote_link[2];  /* our end, the zygote's; -1: closed, or there is none */
    int *errors;         /* the slots' ends of stderr, until the supervisor has them */
    uint32_t prepared;   /* how often the zygote prepared; 0: it does not fork slots */
    struct rlimit limit; /* of descriptors, as it was before us */
};

/* How many descriptors the worker with such a program has open at most. */
uint64_t helpers_descriptors(const struct program_config *config);
/* Those that the limit leaves beside them. */
uint64_t helpers_spare(const struct helpers *helpers);

/* Makes the links and pipes that the processes inherit, and raises the limit of
 * descriptors for us. ret_errors[slot] becomes our end of the slot's stderr, the
 * caller's. 0, or -errno (-EMFILE: also where the limit is too low for later). */
int helpers_init(struct helpers *helpers, const struct program_config *config,
                 int *ret_errors);

/* Forks. The children close the descriptors in `ours`, and execute `path` unless the
 * program is a plugin. 0, or -errno. */
int helpers_fork(struct helpers *helpers, const char *path, const int *ours,
                 uint32_t count);

/* Whether a zygote prepares before the slots start. */
bool helpers_prepares(const struct program_config *config);

/* Waits until it has prepared. 0, or an exit status and a sentence. If the program does
 * not fork its slots, the zygote ends, and the supervisor starts them. */
int helpers_await(struct helpers *helpers, char *error, size_t error_size);

/* The link to the process that starts the slots. */
int helpers_starter(const struct helpers *helpers);

/* Ends all processes below this one; `in_order`: plugin or program may finish first. */
void helpers_end(struct helpers *helpers, bool in_order);

#endif
