/* SPDX-License-Identifier: MIT */
#include "common/clock.h"
#include "worker/supervisor/child.h"

#include <criterion/criterion.h>

enum { BEGAN_US = 7000000, PERIOD_US = STOPS_LOOK_MS * 1000 };

static int64_t look_us;

static int64_t look(struct child *child, int64_t now_us)
{
    return child_report_stops(child, 1, -1, &look_us, now_us);
}

Test(child, looks_through_no_processes_for_programs_that_are_short)
{
    struct child runs = {.pid = 17}, rests = {.pid = 0};
    for (int64_t now_us = BEGAN_US; now_us < BEGAN_US + 10 * PERIOD_US;
         now_us += PERIOD_US / 4) {
        cr_assert_eq(look(&runs, now_us), now_us + PERIOD_US);
        cr_assert_eq(look(&rests, now_us + 1), NEVER_US);
        cr_assert_eq(look_us, 0, "the next program has a period of its own");
    }
}

Test(child, looks_through_all_processes_while_a_program_runs_for_long)
{
    struct child runs = {.pid = 17};
    look(&runs, BEGAN_US);
    cr_assert_eq(look(&runs, BEGAN_US + 5), BEGAN_US + PERIOD_US);
    cr_assert_eq(look(&runs, BEGAN_US + PERIOD_US), BEGAN_US + 2 * PERIOD_US);
}
