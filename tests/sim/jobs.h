/* SPDX-License-Identifier: MIT */
/* Runs seeds in processes of their own: a core that dies or never returns is a finding
 * like any other. */
#ifndef FANFOLD_TESTS_SIM_JOBS_H
#define FANFOLD_TESTS_SIM_JOBS_H

#include "world/world.h"

enum { FOUND_MAX = 400 };

struct job_options {
    uint64_t seeds, from;
    uint32_t jobs;
    bool first_only;  /* each job ends with its first finding */
    const char *with; /* see scenario_set; NULL: nothing */
    bool quiet;       /* no word from a core that dies */
};

struct finding {
    uint64_t seed;
    char text[512];
};

/* What one job tells, or all. */
struct report {
    uint64_t seed; /* it is at */
    bool over;
    struct tally tally;
    uint64_t violations;
    struct finding found[FOUND_MAX]; /* the lowest seeds first */
};

/* All jobs' reports in one, in memory that is overwritten by the next call. */
const struct report *run_seeds(const struct job_options *options);

#endif
