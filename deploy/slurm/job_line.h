/* SPDX-License-Identifier: MIT */
/* A line of `scontrol -o show job`: NAME=VALUE separated by blanks. Pure. */
#ifndef FANFOLD_DEPLOY_SLURM_JOB_LINE_H
#define FANFOLD_DEPLOY_SLURM_JOB_LINE_H

#include "common/slice.h"
#include "deploy/slurm/slurm_end.h"
#include <stddef.h>
#include <stdint.h>

enum job_shape {
    JOB_PENDING,
    JOB_RUNNING,
    JOB_ENDING, /* it says later how */
    JOB_OVER,
};

struct job_line {
    uint32_t id, array, restarts;
    struct slice tasks; /* of the array, "4-6,9" for one that is pending; empty: of
                           none; in the line */
    enum job_shape shape;
    enum slurm_end end;           /* JOB_OVER: how, */
    int code;                     /* and with which status or signal */
    bool placed;                  /* it has had nodes, */
    char node[256];               /* the first of them; "": Slurm does not say */
    uint64_t run_time_s, limit_s; /* limit_s 0: none */
    bool preempted;
    bool held; /* somebody must release it */
};

/* False: it tells of no job. */
bool job_line_read(const char *line, size_t length, struct job_line *ret_line);
/* The nodes that the job may not have; on the heap. NULL: it may have any. */
char *job_line_excluded(const char *line, size_t length);

/* How many tasks such a list has; one that is in no array is one. */
uint32_t job_tasks_count(const char *list);
/* The n-th from the end, of fewer; 0 where it is in no array. */
uint32_t job_tasks_from_end(const char *list, uint32_t n);

#endif
