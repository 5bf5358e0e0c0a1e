/* SPDX-License-Identifier: MIT */
/* Starts processes of the user's command: the supervisor's slots, and the program that
 * the fork server prepares. */
#ifndef FANFOLD_WORKER_SUPERVISOR_SPAWNER_H
#define FANFOLD_WORKER_SUPERVISOR_SPAWNER_H

#include "worker/program/program_config.h"
#include "worker/supervisor/spawn_link.h"
#include <sys/types.h>

struct spawner;

/* Executes `path` with the config's argv; borrows all. errors[slot] becomes stderr. */
struct spawner *spawner_new(const char *path, const struct program_config *config,
                            const int *errors);

/* The processes do not learn of a slot: they are for all slots. */
void spawner_hide_slot(struct spawner *spawner);

/* As supervisor_service's start; `fds` are stdin and stdout. `group` 0, or one that is
 * gone: the process leads a group of its own. */
pid_t spawner_start(void *spawner, const struct request *request, pid_t group,
                    const int *fds, unsigned count);

#endif
