/* SPDX-License-Identifier: MIT */
#include "worker/seats.h"

#include <criterion/criterion.h>

static struct seats seats;

static void end(void)
{
    seats_deinit(&seats);
}

TestSuite(seats, .fini = end);

static uint32_t take(void)
{
    uint32_t slot;
    cr_assert(seats_take(&seats, &slot));
    return slot;
}

static void expect_full(void)
{
    uint32_t slot;
    cr_assert_not(seats_take(&seats, &slot));
}

Test(seats, each_slot_has_one_task_before_anything_is_measured)
{
    seats_init(&seats, 3, 100);
    uint32_t taken = 0;
    for (int i = 0; i < 3; i++)
        taken |= 1u << take();
    cr_assert_eq(taken, 7);
    expect_full();
}

Test(seats, a_slot_with_depth_one_never_has_two)
{
    seats_init(&seats, 1, 1);
    seats_measure(&seats, 1);
    take();
    expect_full();
}

Test(seats, short_tasks_are_given_several_at_once_to_the_slot_that_has_fewest)
{
    seats_init(&seats, 2, 4);
    seats_measure(&seats, 10);
    uint32_t given[2] = {0, 0};
    for (int i = 0; i < 8; i++)
        given[take()]++;
    cr_assert_eq(given[0], 4);
    cr_assert_eq(given[1], 4);
    expect_full();
}

Test(seats, long_tasks_are_given_one_at_a_time)
{
    seats_init(&seats, 1, 100);
    seats_measure(&seats, 1000000);
    take();
    expect_full();
}

Test(seats, a_slot_that_is_not_ready_is_given_nothing)
{
    seats_init(&seats, 2, 1);
    seats_set_ready(&seats, 0, false);
    cr_assert_eq(take(), 1);
    expect_full();
    seats_set_ready(&seats, 0, true);
    cr_assert_eq(take(), 0);
}

Test(seats, what_is_given_back_can_be_taken_again)
{
    seats_init(&seats, 1, 1);
    uint32_t slot = take();
    expect_full();
    seats_give_back(&seats, slot);
    cr_assert_eq(take(), slot);
}
