/* SPDX-License-Identifier: MIT */
/* To sort costs much beside a task of a few microseconds, so the median of a full ring
 * is computed again only when half of the ring has changed. */
#include "ventilator/scheduler/state/run_times.h"

#include <stdlib.h>
#include <string.h>

void run_times_add(struct run_times *times, uint64_t run_us)
{
    times->last_us[times->count++ % RUN_TIMES_KEPT] = run_us;
    if (run_us > times->longest_us)
        times->longest_us = run_us;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool is_stale(const struct run_times *times)
{
    if (times->count < RUN_TIMES_KEPT)
        return times->count != times->measured;
    return times->count - times->measured > RUN_TIMES_KEPT / 2;
}

uint64_t run_times_median_us(struct run_times *times)
{
    if (times->count < RUN_TIMES_LEAST)
        return 0;
    if (!is_stale(times))
        return times->median_us;
    uint64_t sorted[RUN_TIMES_KEPT];
    size_t count = times->count < RUN_TIMES_KEPT ? (size_t)times->count
                                                 : RUN_TIMES_KEPT;
    memcpy(sorted, times->last_us, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    times->measured = times->count;
    times->median_us = sorted[count / 2] ? sorted[count / 2] : 1;
    return times->median_us;
}
