/* SPDX-License-Identifier: MIT */
#include "sink/session/commit_schedule.h"

#include <criterion/criterion.h>

enum { SHARE = 128 << 20, SECOND = 1000000 };

Test(commit_schedule, without_a_journal_what_is_written_is_safe_at_once)
{
    struct commit_schedule commit_schedule;
    commit_schedule_init(&commit_schedule, false, 0, 0, 0);
    cr_assert_eq(commit_schedule_add(&commit_schedule, 7, 1, 70, 0), 0);
    cr_assert_eq(commit_schedule.safe, 7);
    cr_assert_eq(commit_schedule.safe_epoch, 1);
    cr_assert_not(commit_schedule_due(&commit_schedule, 8, 80, SHARE, 10 * SECOND));
    commit_schedule_deinit(&commit_schedule);
}

Test(commit_schedule, with_a_journal_a_position_is_safe_when_its_ticket_is_answered)
{
    struct commit_schedule commit_schedule;
    commit_schedule_init(&commit_schedule, true, 0, 0, 0);
    uint64_t first = commit_schedule_add(&commit_schedule, 7, 1, 70, 0);
    uint64_t second = commit_schedule_add(&commit_schedule, 9, 2, 90, 0);
    cr_assert_eq(commit_schedule.safe, 0);
    commit_schedule_on_committed(&commit_schedule, first);
    cr_assert(commit_schedule.safe == 7 && commit_schedule.safe_epoch == 1);
    cr_assert(commit_schedule_waiting(&commit_schedule));
    commit_schedule_on_committed(&commit_schedule, second);
    cr_assert(commit_schedule.safe == 9 && commit_schedule.safe_epoch == 2);
    cr_assert_not(commit_schedule_waiting(&commit_schedule));
    commit_schedule_deinit(&commit_schedule);
}

Test(commit_schedule, a_later_answer_covers_the_earlier_ones)
{
    struct commit_schedule commit_schedule;
    commit_schedule_init(&commit_schedule, true, 0, 0, 0);
    commit_schedule_add(&commit_schedule, 7, 1, 70, 0);
    commit_schedule_on_committed(&commit_schedule,
                                 commit_schedule_add(&commit_schedule, 9, 1, 90, 0));
    cr_assert_eq(commit_schedule.safe, 9);
    cr_assert_not(commit_schedule_waiting(&commit_schedule));
    commit_schedule_deinit(&commit_schedule);
}

Test(commit_schedule, are_due_after_a_second_or_enough_bytes_or_enough_tasks)
{
    struct commit_schedule commit_schedule;
    commit_schedule_init(&commit_schedule, true, 0, 1, 0);
    cr_assert_not(commit_schedule_due(&commit_schedule, 1, 1, SHARE, SECOND - 1));
    cr_assert(commit_schedule_due(&commit_schedule, 1, 1, SHARE, SECOND));
    cr_assert_not(commit_schedule_due(&commit_schedule, 0, 0, SHARE, SECOND),
                  "nothing is new");
    cr_assert(commit_schedule_due(&commit_schedule, 1, 64 << 20, SHARE, 1));
    cr_assert(commit_schedule_due(&commit_schedule, 1, 1 << 20, 2 << 20, 1),
              "a quarter of the buffer");
    cr_assert(commit_schedule_due(&commit_schedule, 100000, 1, SHARE, 1));
    commit_schedule_add(&commit_schedule, 1, 1, 1, 0);
    cr_assert_not(commit_schedule_due(&commit_schedule, 100001, 1, SHARE, 1),
                  "one at a time");
    commit_schedule_deinit(&commit_schedule);
}
