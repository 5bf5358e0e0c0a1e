/* SPDX-License-Identifier: MIT */
/* Reads the monotonic clock, and turns a deadline into a poller's timeout. */
#include "common/clock.h"

#include <limits.h>
#include <time.h>

int64_t clock_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

int clock_poll_ms(int64_t now_us, int64_t deadline_us, int cap_ms)
{
    if (deadline_us == NEVER_US)
        return cap_ms;
    if (deadline_us <= now_us)
        return 0;
    int64_t wait_us = deadline_us - now_us;
    int64_t wait_ms = wait_us / 1000 + (wait_us % 1000 != 0);
    int64_t most_ms = cap_ms < 0 ? INT_MAX : cap_ms;
    return (int)(wait_ms < most_ms ? wait_ms : most_ms);
}
