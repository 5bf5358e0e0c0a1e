/* SPDX-License-Identifier: MIT */
/* How long Slurm lets a job run, in the forms that sbatch takes and scontrol prints.
 * Pure. */
#ifndef FANFOLD_DEPLOY_SLURM_TIME_LIMIT_H
#define FANFOLD_DEPLOY_SLURM_TIME_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* "60" (minutes), "5:30", "1:00:00", "1-12", "1-12:30", "1-12:30:00", in seconds.
 * False: it has no limit, or another form. */
bool time_limit_read(const char *text, uint64_t *ret_s);
/* What --time or -t says in options of sbatch's, NULL: none. False: that is not known
 * before a shell has read them. */
bool time_limit_of_options(const char *options, uint64_t *ret_s);
/* Workers that leave so long before the end, and up to a quarter of it earlier, have no
 * time left to work in. */
bool time_limit_is_short(uint64_t limit_s, uint64_t drain_before_s);

#endif
