/* SPDX-License-Identifier: MIT */
/* The keeper's way to start a process: the command with its pipes. */
#ifndef FANFOLD_WORKER_SPAWNER_H
#define FANFOLD_WORKER_SPAWNER_H

#include "worker/keeper_link.h"
#include "worker/program.h"
#include <sys/types.h>

struct spawner;

/* `path` is what to execute, the config's argv what it sees; all is borrowed.
 * errors[slot] becomes stderr. */
struct spawner *spawner_new(const char *path, const struct program_config *config,
                            const int *errors);

/* What it starts is not told of a slot: it is for all. */
void spawner_hide_slot(struct spawner *spawner);

/* A keeper_service's start. */
pid_t spawner_start(void *spawner, const struct request *request, const int *fds,
                    unsigned count);

#endif
