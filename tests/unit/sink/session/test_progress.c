/* SPDX-License-Identifier: MIT */
#include "sink/session/progress.h"

#include "common/clock.h"
#include <criterion/criterion.h>

enum { START_US = 1000000 };

Test(progress, neighbours_are_one_range)
{
    struct progress progress = {0};
    for (uint64_t seq = 3; seq < 6; seq++)
        progress_add(&progress, seq);
    progress_add(&progress, 9);
    cr_assert_eq(progress.count, 2);
    cr_assert(progress.held[0].first == 3 && progress.held[0].count == 3);
    cr_assert(progress.held[1].first == 9 && progress.held[1].count == 1);
    progress_deinit(&progress);
}

Test(progress, never_holds_more_ranges_than_a_message_may)
{
    struct progress progress = {0};
    for (uint64_t i = 0; i < RANGES_MAX + 10; i++)
        progress_add(&progress, 2 * i);
    cr_assert_eq(progress.count, RANGES_MAX);
    progress_deinit(&progress);
}

Test(progress, are_due_when_there_are_some_and_not_too_often)
{
    struct progress progress = {0};
    int64_t due_us;
    cr_assert_not(progress_due(&progress, START_US, &due_us));
    cr_assert_eq(due_us, NEVER_US);
    progress_add(&progress, 1);
    cr_assert(progress_due(&progress, START_US, &due_us));
    progress_clear(&progress);
    progress.moved = true;
    cr_assert_not(progress_due(&progress, START_US + 1, &due_us));
    cr_assert_gt(due_us, START_US);
    cr_assert(progress_due(&progress, due_us, &due_us));
    progress_deinit(&progress);
}
