/* SPDX-License-Identifier: MIT */
/*
 * The conditions under which the user's processes run, whatever the mode: where (the
 * working directory), how nice, and how much memory a process may ask the system for.
 * What a slot's processes use together is memory_watch's.
 */
#ifndef FANFOLD_WORKER_CONDITIONS_H
#define FANFOLD_WORKER_CONDITIONS_H

#include "worker/program.h"
#include <stddef.h>
#include <sys/types.h>

/* Whether they can be met: 0, or STATUS_USAGE with a sentence. */
int conditions_check(const struct program_config *config, char *error,
                     size_t error_size);

/* In a process that is about to run user code: its directory and its niceness, which
 * all below it have from it. System calls only, as after vfork. 0, or an errno. */
int conditions_enter(const struct program_config *config);

/* In a process that is about to become the program: how much writable memory it may
 * have. System calls only. */
void conditions_limit(const struct program_config *config);
/* The same for a process that was forked with all that was prepared: beyond what it has
 * at this moment. */
void conditions_limit_fork(const struct program_config *config, pid_t pid);

#endif
