/* SPDX-License-Identifier: MIT */
#include "common/clock.h"
#include "deploy/ssh/placement.h"

#include <criterion/criterion.h>

static struct placement *placement;
static int64_t now_us;

static void begin(void)
{
    now_us = 1000 * SECOND_US;
    placement = placement_new(7);
}

static void end(void)
{
    placement_destroy(&placement);
}

TestSuite(placement, .init = begin, .fini = end);

static void add(size_t count)
{
    while (count-- > 0)
        placement_add(placement);
}

/* How many are started now. */
static size_t start_all(void)
{
    size_t host, count = 0;
    int64_t due_us = NEVER_US;
    while (placement_next(placement, now_us, &host, &due_us))
        count++;
    return count;
}

/* The next host is started, however long its pause is; which that was. */
static size_t start_next(void)
{
    size_t host;
    int64_t due_us = NEVER_US;
    if (placement_next(placement, now_us, &host, &due_us))
        return host;
    cr_assert_neq(due_us, NEVER_US);
    cr_assert_gt(due_us, now_us);
    now_us = due_us;
    cr_assert(placement_next(placement, now_us, &host, &due_us));
    return host;
}

static enum placement_notice ends(size_t host, enum placement_end end)
{
    return placement_on_end(placement, host, end, now_us);
}

static enum placement_notice comes_through(size_t host)
{
    return placement_on_through(placement, host, now_us);
}

Test(placement, lets_eight_hosts_log_in_at_a_time)
{
    add(20);
    cr_assert_eq(start_all(), 8);
    cr_assert_eq(start_all(), 0);
    comes_through(3);
    ends(4, PLACEMENT_LOGIN_FAILED);
    cr_assert_eq(start_all(), 2);
}

Test(placement, tries_a_host_again_with_growing_pauses_and_says_so_once)
{
    enum placement_notice notices[PLACEMENT_LOGINS];
    int64_t first_us = 0, last_us = 0;
    add(1);
    for (int i = 0; i < PLACEMENT_LOGINS; i++) {
        int64_t before_us = now_us;
        cr_assert_eq(start_next(), 0);
        last_us = now_us - before_us;
        if (i == 1)
            first_us = last_us;
        notices[i] = ends(0, PLACEMENT_LOGIN_FAILED);
    }
    for (int i = 0; i < PLACEMENT_LOGINS; i++)
        cr_assert_eq(notices[i], i + 1 == PLACEMENT_SAID     ? PLACEMENT_NOTICE_TRYING
                                 : i + 1 == PLACEMENT_LOGINS ? PLACEMENT_NOTICE_GIVEN_UP
                                                             : PLACEMENT_NOTICE_NONE);
    cr_assert_lt(first_us, SECOND_US);
    cr_assert_gt(last_us, 20 * SECOND_US);
    cr_assert_leq(last_us, 61 * SECOND_US);
    cr_assert(placement_is_over(placement));
}

Test(placement, says_that_a_host_is_back_only_if_it_said_that_it_was_not)
{
    add(1);
    for (int i = 0; i < PLACEMENT_SAID; i++) {
        start_next();
        ends(0, PLACEMENT_LOGIN_FAILED);
    }
    start_next();
    cr_assert_eq(comes_through(0), PLACEMENT_NOTICE_BACK);
    ends(0, PLACEMENT_LOST);
    start_next();
    cr_assert_eq(comes_through(0), PLACEMENT_NOTICE_NONE);
}

Test(placement, gives_a_host_up_whose_workers_end_within_a_minute_again_and_again)
{
    add(1);
    for (int i = 1; i <= PLACEMENT_DEATHS; i++) {
        start_next();
        comes_through(0);
        now_us += 59 * SECOND_US;
        cr_assert_eq(ends(0, PLACEMENT_DIED), i < PLACEMENT_DEATHS
                                                  ? PLACEMENT_NOTICE_LOST
                                                  : PLACEMENT_NOTICE_GIVEN_UP);
    }
    cr_assert_eq(placement_state(placement, 0), PLACEMENT_GIVEN_UP);
}

Test(placement, forgives_the_death_of_a_worker_that_lived_for_long)
{
    add(1);
    for (int i = 0; i < 3 * PLACEMENT_DEATHS; i++) {
        start_next();
        comes_through(0);
        now_us += 60 * SECOND_US;
        cr_assert_eq(ends(0, i % 2 ? PLACEMENT_DIED : PLACEMENT_LOST),
                     PLACEMENT_NOTICE_LOST);
    }
}

Test(placement, gives_a_host_up_at_once_that_cannot_start_a_worker)
{
    add(2);
    start_all();
    cr_assert_eq(ends(0, PLACEMENT_CANNOT_START), PLACEMENT_NOTICE_GIVEN_UP);
    comes_through(1);
    cr_assert_eq(ends(1, PLACEMENT_CANNOT_START), PLACEMENT_NOTICE_GIVEN_UP);
    cr_assert(placement_is_over(placement));
    cr_assert_eq(placement_count(placement, PLACEMENT_DONE), 0);
}

Test(placement, is_over_when_every_worker_has_heard_of_the_end)
{
    add(2);
    start_all();
    comes_through(0);
    comes_through(1);
    ends(0, PLACEMENT_COMPLETE);
    cr_assert_not(placement_is_over(placement));
    ends(1, PLACEMENT_COMPLETE);
    cr_assert(placement_is_over(placement));
    cr_assert_eq(placement_count(placement, PLACEMENT_DONE), 2);
}

Test(placement, starts_nobody_after_it_was_stopped)
{
    add(3);
    size_t host;
    int64_t due_us = NEVER_US;
    cr_assert(placement_next(placement, now_us, &host, &due_us));
    placement_stop(placement);
    cr_assert_eq(start_all(), 0);
    cr_assert_not(placement_is_over(placement));
    ends(host, PLACEMENT_LOGIN_FAILED);
    cr_assert(placement_is_over(placement));
}

Test(placement, begins_anew_with_a_host_that_is_wanted_again)
{
    add(1);
    start_all();
    comes_through(0);
    placement_restore(placement, 0);
    cr_assert_eq(placement_state(placement, 0), PLACEMENT_THROUGH);
    placement_remove(placement, 0);
    ends(0, PLACEMENT_DIED);
    placement_restore(placement, 0);
    cr_assert_eq(start_all(), 1);
    for (int i = 1; i < PLACEMENT_DEATHS; i++) {
        comes_through(0);
        cr_assert_eq(ends(0, PLACEMENT_DIED), PLACEMENT_NOTICE_LOST);
        start_next();
    }
}

Test(placement, forgets_a_host_that_nobody_wants_any_more)
{
    add(2);
    start_all();
    comes_through(0);
    placement_remove(placement, 0);
    cr_assert_eq(ends(0, PLACEMENT_DIED), PLACEMENT_NOTICE_NONE);
    placement_remove(placement, 1);
    cr_assert_eq(comes_through(1), PLACEMENT_NOTICE_NONE);
    cr_assert(placement_is_over(placement));
}
