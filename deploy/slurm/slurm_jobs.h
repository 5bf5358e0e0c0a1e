/* SPDX-License-Identifier: MIT */
/*
 * The jobs of one array, as `scontrol -o show job` tells of them: which run, and which
 * have ended since the last look, and why. Pure. A job that is requeued keeps its
 * number and begins anew, and so has several places, one a start.
 */
#ifndef FANFOLD_DEPLOY_SLURM_SLURM_JOBS_H
#define FANFOLD_DEPLOY_SLURM_SLURM_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, what a person reads behind "the job ", whether no chunk can have done it) */
#define SLURM_ENDS(X)                                                       \
    X(DONE, "has ended by itself", true)                                    \
    X(CANCELLED, "was cancelled", true)                                     \
    X(REQUEUED, "was requeued, and starts again later", true)               \
    X(PREEMPTED, "was preempted", true)                                     \
    X(TIMEOUT, "has reached its time limit", true)                          \
    X(MEMORY,                                                               \
      "used more memory than Slurm gave it: --mem in --slurm-options says " \
      "how much",                                                           \
      true)                                                                 \
    X(NODE, "lost its node", true)                                          \
    X(KILLED, "was killed by a signal", false)                              \
    X(FAILED, "has failed", false)

enum slurm_end {
#define X(name, text, excused) SLURM_##name,
    SLURM_ENDS(X)
#undef X
};

const char *slurm_end_text(enum slurm_end end);
bool slurm_end_excuses(enum slurm_end end);

struct slurm_departure {
    enum slurm_end end;
    uint32_t job;      /* as SLURM_JOB_ID has it */
    uint32_t restarts; /* before this start */
    uint32_t array, task;
    int code;       /* FAILED: the exit status; KILLED: the signal */
    bool early;     /* it has run for less than a minute */
    char node[256]; /* where it ran */
};

/* It had its time, and another may take its place. */
bool slurm_end_renews(const struct slurm_departure *departure);

struct slurm_jobs {
    struct slurm_job *jobs;
    size_t count, capacity;
    uint32_t running; /* at the last look */
    uint32_t pending;
};

void slurm_jobs_deinit(struct slurm_jobs *jobs);
/* Takes in what scontrol has printed. */
void slurm_jobs_look(struct slurm_jobs *jobs, const char *text);
/* All have ended, and none is expected. */
bool slurm_jobs_are_over(const struct slurm_jobs *jobs);
/* The next job that has ended since it was seen last; false: there is none. */
bool slurm_jobs_next(struct slurm_jobs *jobs, struct slurm_departure *ret_departure);

#endif
