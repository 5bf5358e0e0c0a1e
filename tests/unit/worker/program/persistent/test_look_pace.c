/* SPDX-License-Identifier: MIT */
#include "worker/program/persistent/look_pace.h"

#include <criterion/criterion.h>

enum { NOW_US = 7000000, TOOK_US = 40 };

static struct look_pace looked_until(int64_t ended_us)
{
    struct look_pace pace = {0};
    look_pace_on_look(&pace, ended_us - TOOK_US, ended_us);
    return pace;
}

Test(look_pace, looks_soon_at_what_comes_first_or_after_a_pause)
{
    struct look_pace first = {0}, rested = looked_until(NOW_US - LOOK_LATE_US);
    cr_assert_eq(look_pace_due(&first, NOW_US, false), NOW_US + LOOK_SOON_US);
    cr_assert_eq(look_pace_due(&rested, NOW_US, false), NOW_US + LOOK_SOON_US);
}

Test(look_pace, spends_a_share_of_the_time_on_looks)
{
    struct look_pace pace = looked_until(NOW_US);
    cr_assert_eq(look_pace_due(&pace, NOW_US, false), NOW_US + LOOK_PAUSE * TOOK_US);
}

Test(look_pace, looks_soon_where_somebody_waits)
{
    struct look_pace pace = looked_until(NOW_US);
    cr_assert_eq(look_pace_due(&pace, NOW_US, true), NOW_US + LOOK_SOON_US);
}

Test(look_pace, lets_no_long_look_hold_an_answer_for_long)
{
    struct look_pace pace = {0};
    look_pace_on_look(&pace, NOW_US - 20000, NOW_US);
    cr_assert_eq(look_pace_due(&pace, NOW_US, false), NOW_US + LOOK_LATE_US);
}
