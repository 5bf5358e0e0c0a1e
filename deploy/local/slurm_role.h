/* SPDX-License-Identifier: MIT */
/* The worker's role where Slurm has it: what the launcher's loop does with a worker's
 * process, done with an array of jobs. Where the run has no Slurm, each of these does
 * nothing. */
#ifndef FANFOLD_DEPLOY_LOCAL_SLURM_ROLE_H
#define FANFOLD_DEPLOY_LOCAL_SLURM_ROLE_H

#include "deploy/local/arguments.h"
#include "deploy/local/launcher.h"
#include "deploy/local/launcher_signals.h"
#include "deploy/slurm/slurm.h"

struct slurm_role {
    struct slurm_config config;
    struct slurm *slurm; /* NULL: the worker is a process */
    char *words;
};

/* STATUS_OK, or an exit status after a line for a person. `worker` is the program. */
int slurm_role_open(struct slurm_role *role, const struct arguments *arguments,
                    const char *worker, const char *key_file,
                    const struct launcher_signals *signals);
void slurm_role_close(struct slurm_role *role);

/* For the ventilator to inherit; -1: nothing. */
int slurm_role_fd(const struct slurm_role *role);
void slurm_role_started(struct slurm_role *role);

/* Whether Slurm has the role; else a process does. */
bool slurm_role_start(struct slurm_role *role);
bool slurm_role_signal(struct slurm_role *role, int signal);

/* Fills items; makes *deadline_us earlier. Returns their number. */
nfds_t slurm_role_poll(struct slurm_role *role, struct pollfd *items,
                       int64_t *deadline_us);
/* Does what is due; tells the launcher of the role's first job and of its end. Cancels
 * the jobs as soon as the ventilator has ended. */
void slurm_role_tick(struct slurm_role *role, struct launcher *launcher,
                     int64_t now_us);

#endif
