/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/run_times.h"

#include <criterion/criterion.h>

Test(run_times, there_is_no_median_of_two)
{
    struct run_times times = {0};
    run_times_add(&times, 5);
    run_times_add(&times, 7);
    cr_assert_eq(run_times_median_us(&times), 0);
    run_times_add(&times, 6);
    cr_assert_eq(run_times_median_us(&times), 6);
}

Test(run_times, an_outlier_does_not_move_it)
{
    struct run_times times = {0};
    for (uint64_t i = 0; i < 20; i++)
        run_times_add(&times, i % 10 == 0 ? 1000000 : 10);
    cr_assert_eq(run_times_median_us(&times), 10);
}

Test(run_times, it_follows_what_becomes_slower)
{
    struct run_times times = {0};
    for (uint64_t i = 0; i < 1000; i++) {
        run_times_add(&times, 10);
        (void)run_times_median_us(&times);
    }
    for (uint64_t i = 0; i < 2 * RUN_TIMES_KEPT; i++)
        run_times_add(&times, 100);
    cr_assert_eq(run_times_median_us(&times), 100);
}

Test(run_times, tasks_without_a_measurable_time_still_have_one)
{
    struct run_times times = {0};
    for (int i = 0; i < 5; i++)
        run_times_add(&times, 0);
    cr_assert_eq(run_times_median_us(&times), 1);
}
