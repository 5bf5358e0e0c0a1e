/* SPDX-License-Identifier: MIT */
#include "common/clock.h"
#include "worker/walltime.h"

#include <criterion/criterion.h>

#define REAL_US (INT64_C(1700000000) * SECOND_US)
#define NOW_US  (50 * SECOND_US)

static int64_t leaves_in_us(int64_t walltime_s, int64_t before_s, uint8_t chance)
{
    return walltime_leave_us(REAL_US + walltime_s * SECOND_US, before_s * SECOND_US,
                             chance, REAL_US, NOW_US) -
           NOW_US;
}

Test(walltime, without_jitter_the_worker_leaves_as_long_before_the_end_as_is_said)
{
    cr_assert_eq(leaves_in_us(3600, 600, 0), 3000 * SECOND_US);
}

Test(walltime, workers_with_the_same_end_spread_over_a_quarter_of_that)
{
    int64_t last_us = INT64_MAX;
    for (int chance = 0; chance < 256; chance++) {
        int64_t us = leaves_in_us(3600, 600, (uint8_t)chance);
        cr_assert_lt(us, last_us);
        cr_assert_gt(us, 2850 * SECOND_US);
        last_us = us;
    }
    cr_assert_lt(last_us, 2851 * SECOND_US);
}

Test(walltime, a_worker_that_comes_too_late_leaves_at_once)
{
    cr_assert_eq(leaves_in_us(600, 600, 0), 0);
    cr_assert_eq(leaves_in_us(100, 600, 255), 0);
    cr_assert_eq(leaves_in_us(-100, 600, 7), 0);
}
