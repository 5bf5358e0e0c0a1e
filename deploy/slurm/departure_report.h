/* SPDX-License-Identifier: MIT */
/* What a person reads of a job that has ended. */
#ifndef FANFOLD_DEPLOY_SLURM_DEPARTURE_REPORT_H
#define FANFOLD_DEPLOY_SLURM_DEPARTURE_REPORT_H

#include "deploy/slurm/slurm_jobs.h"

/* Corrects what Slurm says by `log`, the end of what the job has said. */
void departure_look_at_log(struct slurm_departure *departure, const char *log);
void departure_report_say(const struct slurm_departure *departure, const char *log);
/* Its node gets no more workers. They are to find `worker` and `directory` there. */
void departure_report_say_excluded(const struct slurm_departure *departure,
                                   const char *log, const char *worker,
                                   const char *directory);

#endif
