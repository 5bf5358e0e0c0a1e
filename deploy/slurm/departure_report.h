/* SPDX-License-Identifier: MIT */
/* What a person reads of a job that has ended. */
#ifndef FANFOLD_DEPLOY_SLURM_DEPARTURE_REPORT_H
#define FANFOLD_DEPLOY_SLURM_DEPARTURE_REPORT_H

#include "deploy/slurm/slurm_jobs.h"

/* Corrects what Slurm says by `log`, the end of what the job has said. */
void departure_look_at_log(struct slurm_departure *departure, const char *log);
/* The same by what --drain-before says: whether it has left a time to work in. */
void departure_look_at_limit(struct slurm_departure *departure,
                             uint64_t drain_before_s);
void departure_report_say(const struct slurm_departure *departure, const char *log);
/* Its node gets no more workers. They are to find `worker` and `directory` there. */
void departure_report_say_excluded(const struct slurm_departure *departure,
                                   const char *log, const char *worker,
                                   const char *directory);

#endif
