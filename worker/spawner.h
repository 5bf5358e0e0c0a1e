/* SPDX-License-Identifier: MIT */
/* The keeper's way to start a process: the command with its pipes. */
#ifndef FANFOLD_WORKER_SPAWNER_H
#define FANFOLD_WORKER_SPAWNER_H

#include "worker/keeper_link.h"
#include <stdbool.h>
#include <sys/types.h>

struct spawner;

/* `path` is what to execute, argv what it sees; both are borrowed. errors[slot] becomes
 * stderr. `lasts`: a process is for many tasks, so that none is named to it. */
struct spawner *spawner_new(const char *path, char **argv, const char *worker,
                            const int *errors, bool lasts);

/* A keeper_service's start. */
pid_t spawner_start(void *spawner, const struct request *request, const int *fds,
                    unsigned count);

#endif
