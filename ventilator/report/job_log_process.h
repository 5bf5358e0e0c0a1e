/* SPDX-License-Identifier: MIT */
/*
 * Writes the job log in a process of its own: a file system that does not answer makes
 * that one wait, and not the loop, which workers and sink would take for dead.
 */
#ifndef FANFOLD_VENTILATOR_REPORT_JOB_LOG_PROCESS_H
#define FANFOLD_VENTILATOR_REPORT_JOB_LOG_PROCESS_H

#include "ventilator/report/job_log.h"

struct job_log_process;

/* Opens the log, as job_log_open, and forks: before the first thread. */
int job_log_process_start(const struct job_log_config *config,
                          struct job_log_process **ret_process, char *error,
                          size_t error_size);
/* Waits until all lines are written, and says so where that lasts; but in a `hurry` no
 * longer than a second. *process_p may be NULL. */
void job_log_process_stop(struct job_log_process **process_p, bool hurry);

/* As of job_log.h. Where there is no log, the process is NULL, and nothing is added. */
void job_log_process_begin(struct job_log_process *process);
void job_log_process_add(struct job_log_process *process,
                         const struct completion *completion);
/* Sends what was added; returns when to call it again. It waits for the process only
 * where that is so far behind that what it has not taken fills 64 MiB. */
int64_t job_log_process_tick(struct job_log_process *process, int64_t now_us);

#endif
