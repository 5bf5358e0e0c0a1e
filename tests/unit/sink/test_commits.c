/* SPDX-License-Identifier: MIT */
#include "sink/commits.h"

#include <criterion/criterion.h>

enum { SHARE = 128 << 20, SECOND = 1000000 };

Test(commits, without_a_journal_what_is_written_is_safe_at_once)
{
    struct commits commits;
    commits_init(&commits, false, 0, 0, 0);
    cr_assert_eq(commits_add(&commits, 7, 1, 70, 0), 0);
    cr_assert_eq(commits.sure, 7);
    cr_assert_eq(commits.sure_epoch, 1);
    cr_assert_not(commits_due(&commits, 8, 80, SHARE, 10 * SECOND));
    commits_deinit(&commits);
}

Test(commits, with_a_journal_a_position_is_safe_when_its_ticket_is_answered)
{
    struct commits commits;
    commits_init(&commits, true, 0, 0, 0);
    uint64_t first = commits_add(&commits, 7, 1, 70, 0);
    uint64_t second = commits_add(&commits, 9, 2, 90, 0);
    cr_assert_eq(commits.sure, 0);
    commits_on_committed(&commits, first);
    cr_assert(commits.sure == 7 && commits.sure_epoch == 1);
    cr_assert(commits_waiting(&commits));
    commits_on_committed(&commits, second);
    cr_assert(commits.sure == 9 && commits.sure_epoch == 2);
    cr_assert_not(commits_waiting(&commits));
    commits_deinit(&commits);
}

Test(commits, a_later_answer_covers_the_earlier_ones)
{
    struct commits commits;
    commits_init(&commits, true, 0, 0, 0);
    commits_add(&commits, 7, 1, 70, 0);
    commits_on_committed(&commits, commits_add(&commits, 9, 1, 90, 0));
    cr_assert_eq(commits.sure, 9);
    cr_assert_not(commits_waiting(&commits));
    commits_deinit(&commits);
}

Test(commits, are_due_after_a_second_or_enough_bytes_or_enough_tasks)
{
    struct commits commits;
    commits_init(&commits, true, 0, 1, 0);
    cr_assert_not(commits_due(&commits, 1, 1, SHARE, SECOND - 1));
    cr_assert(commits_due(&commits, 1, 1, SHARE, SECOND));
    cr_assert_not(commits_due(&commits, 0, 0, SHARE, SECOND), "nothing is new");
    cr_assert(commits_due(&commits, 1, 64 << 20, SHARE, 1));
    cr_assert(commits_due(&commits, 1, 1 << 20, 2 << 20, 1), "a quarter of the buffer");
    cr_assert(commits_due(&commits, 100000, 1, SHARE, 1));
    commits_add(&commits, 1, 1, 1, 0);
    cr_assert_not(commits_due(&commits, 100001, 1, SHARE, 1), "one at a time");
    commits_deinit(&commits);
}
