/* SPDX-License-Identifier: MIT */
/* What Slurm is told and asked, in the words of its commands. Each of them starts one,
 * and returns 0 or -errno. */
#ifndef FANFOLD_DEPLOY_SLURM_ORDERS_H
#define FANFOLD_DEPLOY_SLURM_ORDERS_H

#include "deploy/slurm/command.h"
#include "deploy/slurm/slurm_jobs.h"

struct orders {
    const struct slurm_config *config; /* these two borrowed */
    const char *directory;
    struct command command; /* one at a time */
};

/* An array of so many jobs, on none of these nodes (NULL: on any). */
int order_submit(struct orders *orders, uint32_t count, const char *excluded,
                 int64_t now_us);
/* What the array's jobs do. */
int order_look(struct orders *orders, uint32_t array, int64_t now_us);
/* Those of its jobs that do not run yet may not run on these nodes. */
int order_exclude(struct orders *orders, uint32_t array, const char *excluded,
                  int64_t now_us);
/* Those of the tasks that do not run yet are gone. */
int order_withdraw(struct orders *orders, const struct slurm_task *tasks, size_t count,
                   int64_t now_us);
/* SIGTERM for the workers of these tasks alone: they leave in good order. */
int order_release(struct orders *orders, const struct slurm_task *tasks, size_t count,
                  int64_t now_us);
/* All arrays are gone; there is one at least. */
int order_cancel(struct orders *orders, const struct slurm_jobs *jobs, int64_t now_us);

/* The array that sbatch names; 0: it names none. */
uint32_t orders_read_array(const char *text);

#endif
