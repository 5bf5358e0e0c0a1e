/* SPDX-License-Identifier: MIT */
#include "worker/session/slot_table.h"

#include <criterion/criterion.h>

static struct slot_table slot_table;

static void end(void)
{
    slot_table_deinit(&slot_table);
}

TestSuite(slot_table, .fini = end);

static uint32_t take(void)
{
    uint32_t slot;
    cr_assert(slot_table_take(&slot_table, &slot));
    return slot;
}

static void expect_full(void)
{
    uint32_t slot;
    cr_assert_not(slot_table_take(&slot_table, &slot));
}

Test(slot_table, each_slot_has_one_task_before_anything_is_measured)
{
    slot_table_init(&slot_table, 3, 100);
    uint32_t taken = 0;
    for (int i = 0; i < 3; i++)
        taken |= 1u << take();
    cr_assert_eq(taken, 7);
    expect_full();
}

Test(slot_table, a_slot_with_depth_one_never_has_two)
{
    slot_table_init(&slot_table, 1, 1);
    slot_table_measure(&slot_table, 1);
    take();
    expect_full();
}

Test(slot_table, several_short_tasks_go_to_the_slot_that_has_fewest)
{
    slot_table_init(&slot_table, 2, 4);
    slot_table_measure(&slot_table, 10);
    uint32_t given[2] = {0, 0};
    for (int i = 0; i < 8; i++)
        given[take()]++;
    cr_assert_eq(given[0], 4);
    cr_assert_eq(given[1], 4);
    expect_full();
}

Test(slot_table, a_slot_gets_long_tasks_one_at_a_time)
{
    slot_table_init(&slot_table, 1, 100);
    slot_table_measure(&slot_table, 1000000);
    take();
    expect_full();
}

Test(slot_table, a_slot_that_is_not_ready_gets_nothing)
{
    slot_table_init(&slot_table, 2, 1);
    slot_table_set_ready(&slot_table, 0, false);
    cr_assert_eq(take(), 1);
    expect_full();
    slot_table_set_ready(&slot_table, 0, true);
    cr_assert_eq(take(), 0);
}

Test(slot_table, a_slot_has_room_again_after_its_task_has_left)
{
    slot_table_init(&slot_table, 1, 1);
    uint32_t slot = take();
    expect_full();
    slot_table_give_back(&slot_table, slot);
    cr_assert_eq(take(), slot);
}

Test(slot_table, no_task_waits_behind_one_that_takes_long)
{
    slot_table_init(&slot_table, 2, 100);
    uint32_t slow = take(), fast = take();
    for (int i = 0; i < 50; i++) {
        slot_table_give_back(&slot_table, fast);
        slot_table_measure(&slot_table, 10);
        for (int more = 0; more < 5; more++)
            cr_assert_eq(take(), fast);
        for (int more = 0; more < 4; more++)
            slot_table_give_back(&slot_table, fast);
    }
    slot_table_give_back(&slot_table, slow);
    cr_assert_eq(take(), slow);
    cr_assert_eq(take(), slow, "which moves again");
}
