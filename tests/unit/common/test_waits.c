/* SPDX-License-Identifier: MIT */
/* Which waits are told, and when. */
#include "common/waits.h"

#include <criterion/criterion.h>

enum { SINK = 1, RESULT };

static struct waits waits;
static int64_t due_us;

static bool tick(unsigned kind, uint64_t which, int64_t first_s, int64_t now_s)
{
    due_us = NEVER_US;
    return waits_tick(&waits, (struct wait){kind, which}, first_s * SECOND_US,
                      now_s * SECOND_US, &due_us);
}

Test(waits, tells_once_of_a_wait_that_lasts)
{
    cr_assert_not(tick(SINK, 0, 10, 100));
    cr_assert_eq(due_us, 110 * SECOND_US);
    cr_assert_not(tick(SINK, 0, 10, 109));
    cr_assert(tick(SINK, 0, 10, 110));
    cr_assert_eq(waits_seconds(&waits, 110 * SECOND_US), 10);
    cr_assert_not(tick(SINK, 0, 10, 111));
    cr_assert_not(tick(SINK, 0, 10, 1000));
    cr_assert_eq(due_us, NEVER_US);
}

Test(waits, tells_again_when_the_wait_has_changed)
{
    cr_assert_not(tick(RESULT, 7, 10, 0));
    cr_assert(tick(RESULT, 7, 10, 10));
    cr_assert_not(tick(RESULT, 8, 10, 11), "another result");
    cr_assert_not(tick(RESULT, 8, 10, 20));
    cr_assert(tick(RESULT, 8, 10, 21));
    cr_assert_not(tick(SINK, 8, 10, 22), "another kind");
    cr_assert(tick(SINK, 8, 10, 32));
}

Test(waits, does_not_tell_of_waits_that_change_sooner)
{
    for (int64_t now_s = 0; now_s < 100; now_s++)
        cr_assert_not(tick(RESULT, (uint64_t)now_s / 9, 10, now_s));
}

Test(waits, begins_anew_after_a_time_without_a_wait)
{
    cr_assert_not(tick(SINK, 0, 10, 0));
    cr_assert_not(tick(WAITS_NOTHING, 0, 10, 9));
    cr_assert_eq(due_us, NEVER_US);
    cr_assert_not(tick(SINK, 0, 10, 10));
    cr_assert_not(tick(SINK, 0, 10, 19));
    cr_assert(tick(SINK, 0, 10, 20));
}

Test(waits, tells_sooner_only_the_first_time)
{
    cr_assert_not(tick(SINK, 0, 1, 0));
    cr_assert(tick(SINK, 0, 1, 1));
    cr_assert_not(tick(WAITS_NOTHING, 0, 1, 2));
    cr_assert_not(tick(SINK, 0, 1, 3));
    cr_assert_not(tick(SINK, 0, 1, 12));
    cr_assert(tick(SINK, 0, 1, 13));
    cr_assert_not(tick(WAITS_NOTHING, 0, 1, 14));
    cr_assert_not(tick(SINK, 0, 60, 15));
    cr_assert_not(tick(SINK, 0, 60, 74), "what takes longer keeps its time");
    cr_assert(tick(SINK, 0, 60, 75));
}

Test(waits, keeps_a_sooner_time_of_somebody_else)
{
    due_us = 5 * SECOND_US;
    cr_assert_not(
        waits_tick(&waits, (struct wait){SINK, 0}, 10 * SECOND_US, 0, &due_us));
    cr_assert_eq(due_us, 5 * SECOND_US);
}
