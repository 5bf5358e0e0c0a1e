/* SPDX-License-Identifier: MIT */
#include "common/clock.h"
#include "common/net/retry.h"

#include <criterion/criterion.h>

Test(retry, comes_after_a_pause_that_doubles_to_a_bound)
{
    struct retry retry;
    int64_t now_us = 100 * SECOND_US, pause_us = SECOND_US / 4;
    retry_init(&retry);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(retry.at_us, NEVER_US);
        retry_schedule(&retry, 0, now_us);
        cr_assert_eq(retry.at_us, now_us + pause_us / 2);
        retry_made(&retry);
        pause_us = pause_us < 4 * SECOND_US ? 2 * pause_us : pause_us;
    }
}

Test(retry, of_many_that_are_refused_at_once_comes_at_different_times)
{
    struct retry early, late;
    retry_init(&early);
    retry_init(&late);
    retry_schedule(&early, 0, 0);
    retry_schedule(&late, 255, 0);
    cr_assert_gt(late.at_us, early.at_us);
    cr_assert_leq(late.at_us, SECOND_US / 4);
}

Test(retry, stays_when_it_is_if_another_refusal_comes)
{
    struct retry retry;
    retry_init(&retry);
    retry_schedule(&retry, 0, SECOND_US);
    int64_t at_us = retry.at_us;
    retry_schedule(&retry, 0, 2 * SECOND_US);
    cr_assert_eq(retry.at_us, at_us);
}
