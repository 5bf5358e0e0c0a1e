/* SPDX-License-Identifier: MIT */
/* What the end of a job's own output tells that Slurm's answers do not. Pure. */
#ifndef FANFOLD_DEPLOY_SLURM_JOB_LOG_H
#define FANFOLD_DEPLOY_SLURM_JOB_LOG_H

#include <stdbool.h>

/* What kills for memory without cgroups says so only to the job. */
bool job_log_says_memory(const char *log);
/* A job that is requeued to make room for another looks like any that is requeued; its
 * last words tell. */
bool job_log_says_preempted(const char *log);
/* The worker says last that it found its command, or could execute it, nowhere; not the
 * shell that was to become the worker. */
bool job_log_says_refused(const char *log);
/* The last line of its own, not of Slurm's; in `log`, which is cut at lines. NULL:
 * there is none. */
const char *job_log_last_line(char *log);

#endif
