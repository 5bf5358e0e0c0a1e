/* SPDX-License-Identifier: MIT */
#include "worker/walltime.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/random_id.h"
#include <time.h>

int64_t walltime_leave_us(int64_t end_us, int64_t before_us, uint8_t chance,
                          int64_t real_us, int64_t now_us)
{
    int64_t jitter_us = before_us / 4 / 256 * chance;
    int64_t left_us = end_us - real_us - before_us - jitter_us;
    return left_us > 0 ? now_us + left_us : now_us;
}

int64_t walltime_find_us(const struct worker_options *options, int64_t now_us)
{
    struct timespec real;
    if (!options->drain_before_us)
        return NEVER_US;
    clock_gettime(CLOCK_REALTIME, &real);
    return walltime_leave_us(options->end_s * SECOND_US, options->drain_before_us,
                             id_random().bytes[0],
                             real.tv_sec * SECOND_US + real.tv_nsec / 1000, now_us);
}

int64_t walltime_tick(struct resources *resources, int64_t now_us)
{
    if (now_us < resources->leave_us)
        return resources->leave_us;
    resources->leave_us = NEVER_US;
    if (session_leaving(resources->session))
        return NEVER_US;
    say("the walltime is about to end: finishing what runs, and leaving");
    session_leave(resources->session, now_us);
    return now_us;
}
