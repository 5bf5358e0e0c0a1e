/* SPDX-License-Identifier: MIT */
/* Time: microseconds of CLOCK_MONOTONIC. A loop reads it once an iteration and passes
 * it down. */
#ifndef FANFOLD_COMMON_CLOCK_H
#define FANFOLD_COMMON_CLOCK_H

#include <stdint.h>

#define SECOND_US INT64_C(1000000)
#define NEVER_US  INT64_MAX

int64_t clock_now_us(void);

/* Of two deadlines. */
static inline int64_t clock_earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

/* Milliseconds for a poller until `deadline_us`: rounded up, 0 if it has passed, at
 * most `cap_ms`. A cap of -1 is none; without a cap, NEVER_US gives -1. */
int clock_poll_ms(int64_t now_us, int64_t deadline_us, int cap_ms);

#endif
