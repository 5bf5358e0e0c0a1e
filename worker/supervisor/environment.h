/* SPDX-License-Identifier: MIT */
/*
 * The environment of the user's processes: the worker's own, but with the FANFOLD_
 * variables of this run. An outer run, of which the worker may be a part, has its own.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_ENVIRONMENT_H
#define FANFOLD_WORKER_SUPERVISOR_ENVIRONMENT_H

#include "worker/program/program_config.h"
#include "worker/supervisor/spawn_link.h"

struct environment {
    char **words; /* ended by NULL, as execve takes them */
    char slot[48], worker[128];
    char seq[48], attempt[48], records[48]; /* exec: a process a chunk */
};

/* `worker` is its name; NULL: it has none. Lives as long as the process. */
void environment_init(struct environment *environment, enum program_mode mode,
                      const char *worker);
/* Takes FANFOLD_SLOT out of it. */
void environment_hide_slot(struct environment *environment);
/* Names the task and the slot of the process that starts next. */
void environment_update(struct environment *environment, const struct request *request);

/* The same for a plugin's processes, which change their own environment: the worker's
 * part, and the slot's (from 0). */
void environment_enter(const char *worker);
void environment_enter_slot(uint32_t slot);

#endif
