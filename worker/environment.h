/* SPDX-License-Identifier: MIT */
/*
 * The environment of the user's processes: the worker's own, in which what an outer run
 * says of itself is replaced by what this one does.
 */
#ifndef FANFOLD_WORKER_ENVIRONMENT_H
#define FANFOLD_WORKER_ENVIRONMENT_H

#include "worker/keeper_link.h"
#include "worker/program.h"

struct environment {
    char **words; /* ended by NULL, as execve takes them */
    char slot[48], worker[128];
    char seq[48], attempt[48], records[48]; /* exec: a process a chunk */
};

/* `worker` is its name; NULL: it has none. */
void environment_init(struct environment *environment, enum program_mode mode,
                      const char *worker);
void environment_deinit(struct environment *environment);
/* The slot is not in it. */
void environment_hide_slot(struct environment *environment);
/* Says what the process that is about to be started is for. */
void environment_update(struct environment *environment, const struct request *request);

/* The same for a plugin's processes, whose environment is changed where they run: the
 * worker's part, and the slot's (from 0). */
void environment_enter(const char *worker);
void environment_enter_slot(uint32_t slot);

#endif
