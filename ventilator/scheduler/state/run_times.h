/* SPDX-License-Identifier: MIT */
/* The median run time of the last tasks that ended well: time limits in per cent are of
 * it, and stragglers run far longer. Pure. */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_RUN_TIMES_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_RUN_TIMES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RUN_TIMES_LEAST = 3, /* before there is a median */
    RUN_TIMES_KEPT = 127,
};

struct run_times {
    uint64_t last_us[RUN_TIMES_KEPT]; /* a ring */
    uint64_t count;                   /* ever */
    uint64_t longest_us;              /* ever */
    uint64_t median_us;               /* computed when `measured` were there */
    uint64_t measured;
};

void run_times_add(struct run_times *times, uint64_t run_us);
/* 0: there is none yet. It may be a few tasks old. */
uint64_t run_times_median_us(struct run_times *times);

#endif
