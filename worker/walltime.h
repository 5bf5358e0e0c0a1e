/* SPDX-License-Identifier: MIT */
/* When a worker leaves, because its batch system is about to end it. */
#ifndef FANFOLD_WORKER_WALLTIME_H
#define FANFOLD_WORKER_WALLTIME_H

#include "worker/resources.h"

/* When to leave, by the clock of the calendar; NEVER_US: no end is known. */
int64_t walltime_find_us(const struct worker_options *options, int64_t now_us);
/* Lets the worker leave when it is time. Returns when to call it again. */
int64_t walltime_tick(struct resources *resources, int64_t now_us);

/* The moment to leave, `before_us` before the end and up to a quarter of that earlier,
 * by `chance` of 256: many workers have the same end. `real_us` is the time since 1970
 * at `now_us`, as `end_us` is. At the earliest `now_us`. */
int64_t walltime_leave_us(int64_t end_us, int64_t before_us, uint8_t chance,
                          int64_t real_us, int64_t now_us);

#endif
