/* SPDX-License-Identifier: MIT */
/* A deadline becomes a poller's timeout, which never ends early nor overflows. */
#include "common/clock.h"

#include <criterion/criterion.h>
#include <limits.h>

Test(clock, does_not_go_back)
{
    int64_t first_us = clock_now_us();
    cr_assert_gt(first_us, 0);
    cr_assert_geq(clock_now_us(), first_us);
}

Test(clock, rounds_a_wait_up_to_whole_milliseconds)
{
    cr_assert_eq(clock_poll_ms(1000, 1001, -1), 1);
    cr_assert_eq(clock_poll_ms(1000, 2000, -1), 1);
    cr_assert_eq(clock_poll_ms(1000, 2001, -1), 2);
}

Test(clock, does_not_wait_for_a_deadline_that_has_passed)
{
    cr_assert_eq(clock_poll_ms(1000, 1000, -1), 0);
    cr_assert_eq(clock_poll_ms(1000, 0, 50), 0);
}

Test(clock, caps_the_wait)
{
    cr_assert_eq(clock_poll_ms(0, 10 * SECOND_US, 250), 250);
    cr_assert_eq(clock_poll_ms(0, SECOND_US / 10, 250), 100);
    cr_assert_eq(clock_poll_ms(0, SECOND_US, 0), 0);
}

Test(clock, waits_for_ever_only_without_deadline_and_cap)
{
    cr_assert_eq(clock_poll_ms(5, NEVER_US, -1), -1);
    cr_assert_eq(clock_poll_ms(5, NEVER_US, 250), 250);
    cr_assert_eq(clock_poll_ms(0, NEVER_US - 1, -1), INT_MAX);
}
