/* SPDX-License-Identifier: MIT */
/*
 * The workers of a run that Slurm places: an array of jobs, submitted once the
 * ventilator says where workers join, and another one where more are needed; watched
 * while they run, released where they have nothing to do, and cancelled at the end. For
 * launcher.c it is the worker's role. No function waits for Slurm.
 */
#ifndef FANFOLD_DEPLOY_SLURM_SLURM_H
#define FANFOLD_DEPLOY_SLURM_SLURM_H

#include "deploy/slurm/slurm_config.h"
#include <poll.h>

struct slurm;

enum { SLURM_POLL_MAX = 2 };

/* Makes the run's directory here, where the jobs find what they need. NULL after a line
 * for a person. */
struct slurm *slurm_new(const struct slurm_config *config);
/* Kills a command of Slurm that still runs, and removes the directory. NULL is fine. */
void slurm_close(struct slurm **slurm_p);

/* What the ventilator inherits as --places-fd; -1: it has it. */
int slurm_ventilator_fd(const struct slurm *slurm);
/* The ventilator has it. */
void slurm_ventilator_started(struct slurm *slurm);

/* The role is to start. */
void slurm_start(struct slurm *slurm);
/* The run is over, or told to end: the jobs are cancelled. */
void slurm_cancel(struct slurm *slurm);
/* The same, and what else it does ends now. A second time, it ends whether Slurm has
 * answered or not. */
void slurm_kill(struct slurm *slurm);

/* Fills at most SLURM_POLL_MAX items. Returns their number. */
nfds_t slurm_poll(const struct slurm *slurm, struct pollfd *items);
/* Does what is due. */
void slurm_tick(struct slurm *slurm, int64_t now_us);
/* When slurm_tick is due again, if nothing comes before. */
int64_t slurm_due_us(const struct slurm *slurm);
/* True, once: a first job runs. */
bool slurm_began(struct slurm *slurm);
/* True, once: the role has ended with this exit status. */
bool slurm_ended(struct slurm *slurm, int *ret_status);

#endif
