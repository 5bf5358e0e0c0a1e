/* SPDX-License-Identifier: MIT */
/*
 * The jobs of a run's arrays, as `scontrol -o show job ARRAY` tells of them: which run,
 * and which have ended since the last look, and why. Pure. A job that is requeued keeps
 * its number and begins anew, and so has several places, one a start.
 */
#ifndef FANFOLD_DEPLOY_SLURM_SLURM_JOBS_H
#define FANFOLD_DEPLOY_SLURM_SLURM_JOBS_H

#include "deploy/slurm/slurm_end.h"
#include <stddef.h>
#include <stdint.h>

struct slurm_departure {
    enum slurm_end end;
    uint32_t job;      /* as SLURM_JOB_ID has it */
    uint32_t restarts; /* before this start */
    uint32_t array, task;
    int code;         /* FAILED: the exit status; KILLED: the signal */
    bool early;       /* it has run for less than a minute */
    uint64_t limit_s; /* of the time that it might have run; 0: none */
    char node[256];   /* where it ran */
};

/* A job, as scancel is told: ARRAY_TASK. */
struct slurm_task {
    uint32_t array, task;
};

struct slurm_jobs {
    struct slurm_job *jobs;
    size_t count, capacity;
    struct slurm_array *arrays; /* ascending; those that are not over */
    size_t array_count, array_capacity;
    uint32_t running; /* at the last look, as are the next three */
    uint32_t pending; /* will run */
    uint32_t leaving; /* of those that run: they were released */
    bool learned;     /* a job was seen */
    char *excluded;   /* nodes, by what the person asks of sbatch; NULL: none, or not
                         known   yet */
};

void slurm_jobs_deinit(struct slurm_jobs *jobs);
/* Slurm has taken an array of so many jobs, which are pending until it is seen. */
void slurm_jobs_submitted(struct slurm_jobs *jobs, uint32_t array, uint32_t count);
/* Takes in what scontrol has printed of this array. Returns how many of its jobs were
 * cancelled before they ran, since the last look. */
uint32_t slurm_jobs_look(struct slurm_jobs *jobs, uint32_t array, const char *text);
/* It has printed nothing. True: for the first time since it did. */
bool slurm_jobs_mute(struct slurm_jobs *jobs, uint32_t array);
/* Slurm knows it no more: its jobs are over. */
void slurm_jobs_forgotten(struct slurm_jobs *jobs, uint32_t array);
/* The next job that has ended since it was seen last; false: there is none. */
bool slurm_jobs_next(struct slurm_jobs *jobs, struct slurm_departure *ret_departure);

/* The first array behind this one (0: the first of all) that is not over; 0: none. */
uint32_t slurm_jobs_next_array(const struct slurm_jobs *jobs, uint32_t array);
/* Whether jobs of this array are pending. */
bool slurm_jobs_array_waits(const struct slurm_jobs *jobs, uint32_t array);
/* The n-th job from the end that is pending, from 0. */
bool slurm_jobs_find_pending(const struct slurm_jobs *jobs, uint32_t n,
                             struct slurm_task *ret_task);
/* This start of the job runs and was not released. */
bool slurm_jobs_find_running(const struct slurm_jobs *jobs, uint32_t job,
                             uint32_t restarts, struct slurm_task *ret_task);
/* It was told to leave; or that did not reach it. */
void slurm_jobs_release(struct slurm_jobs *jobs, uint32_t job, bool released);

#endif
