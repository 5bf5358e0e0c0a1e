/* SPDX-License-Identifier: MIT */
/* The directory of a run's jobs: their script, the key, and what they say. */
#ifndef FANFOLD_DEPLOY_SLURM_JOB_SCRIPT_H
#define FANFOLD_DEPLOY_SLURM_JOB_SCRIPT_H

#include "deploy/slurm/slurm_config.h"

/* A new one, 0700, below the working directory, which all nodes see. The absolute path,
 * on the heap; NULL: errno says why. */
char *job_directory_make(void);
void job_directory_remove(const char *directory);

/* Writes worker.sh and, if a worker needs one, worker.key. 0 or -errno. */
int job_script_write(const char *directory, const struct slurm_config *config,
                     const char *tasks);

/* The end of what a job has said; on the heap, "" for nothing. */
char *job_log_tail(const char *directory, uint32_t array, uint32_t task);

#endif
