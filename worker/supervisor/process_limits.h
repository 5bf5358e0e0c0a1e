/* SPDX-License-Identifier: MIT */
/*
 * The limits of the user's processes, whatever the mode: the working directory, the
 * niceness, and how much memory one process may ask the system for. memory_watch limits
 * the memory of all processes of a slot together.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_PROCESS_LIMITS_H
#define FANFOLD_WORKER_SUPERVISOR_PROCESS_LIMITS_H

#include "worker/program/program_config.h"
#include <stddef.h>
#include <sys/types.h>

/* Whether the host allows them: 0, or STATUS_USAGE with a sentence. */
int process_limits_check(const struct program_config *config, char *error,
                         size_t error_size);

/* In a process that is about to run user code: sets its directory and its niceness,
 * which its descendants inherit. System calls only, as after vfork. 0, or an errno. */
int process_limits_enter(const struct program_config *config);

/* Gives the process the limit of open files that the worker was started with, which the
 * worker itself has raised. System
 * calls only. */
void process_limits_restore(const struct program_config *config);
/* In a process that is about to become the program: as process_limits_restore, and
 * limits its writable memory. System
 * calls only. */
void process_limits_limit(const struct program_config *config);
/* The same for a process that was forked after preparation: limits what it gets beyond
 * the memory that it has at this moment. */
void process_limits_limit_fork(const struct program_config *config, pid_t pid);

#endif
