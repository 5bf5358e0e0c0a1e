/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/task_table.h"

#include <criterion/criterion.h>

static struct task_table table;

static void begin(void)
{
    task_table_init(&table);
}

static void end(void)
{
    task_table_deinit(&table);
}

TestSuite(table, .init = begin, .fini = end);

static void send_all(void)
{
    for (; table.fresh < table.cut; table.fresh++)
        task_table_find(&table, table.fresh)->state = TASK_ASSIGNED;
}

Test(table, numbers_tasks_from_its_position_on)
{
    task_table_begin(&table, 1000);
    cr_assert_eq(task_table_add(&table, 5, 1), 1000);
    cr_assert_eq(task_table_add(&table, 6, 1), 1001);
    cr_assert_eq(task_table_find(&table, 1001)->length, 6);
    cr_assert_null(task_table_find(&table, 999));
    cr_assert_null(task_table_find(&table, 1002));
}

Test(table, keeps_every_task_when_it_grows_wherever_it_begins)
{
    for (uint64_t position = 0; position < 70; position += 23) {
        struct task_table one;
        task_table_init(&one);
        task_table_begin(&one, position);
        for (uint64_t i = 0; i < 300; i++)
            task_table_add(&one, i, 1);
        for (uint64_t i = 0; i < 300; i++)
            cr_assert_eq(task_table_find(&one, position + i)->length, i);
        task_table_deinit(&one);
    }
}

Test(table, an_attempt_stays_on_its_task_when_the_table_grows)
{
    struct attempt attempt = {.number = 1};
    uint64_t seq = task_table_add(&table, 1, 1);
    attempt.task = task_table_find(&table, seq);
    LIST_INSERT_HEAD(&attempt.task->open, &attempt, of_task);
    for (int i = 0; i < 300; i++)
        task_table_add(&table, 1, 1);
    cr_assert_eq(attempt.task, task_table_find(&table, seq));
    cr_assert_eq(task_attempt_at(attempt.task, NULL), &attempt);
    cr_assert(task_has_attempt(attempt.task, 1));
    LIST_REMOVE(&attempt, of_task);
    cr_assert_null(task_attempt_at(attempt.task, NULL));
}

Test(table, what_is_sent_again_comes_lowest_first_and_once)
{
    static const uint64_t seqs[] = {7, 3, 9, 3, 1, 8};
    for (int i = 0; i < 10; i++)
        task_table_add(&table, 1, 1);
    send_all();
    for (size_t i = 0; i < sizeof seqs / sizeof *seqs; i++)
        task_table_requeue(&table, task_table_find(&table, seqs[i]));
    for (uint64_t expected = 1; expected < 10; expected++) {
        if (expected != 1 && expected != 3 && expected < 7)
            continue;
        cr_assert_eq(task_table_take_resend(&table), task_table_find(&table, expected));
    }
    cr_assert_null(task_table_take_resend(&table));
}

Test(table, what_is_settled_meanwhile_is_not_sent_again)
{
    for (int i = 0; i < 3; i++)
        task_table_add(&table, 1, 1);
    send_all();
    for (uint64_t i = 0; i < 3; i++)
        task_table_requeue(&table, task_table_find(&table, i));
    task_table_remove_first(&table);
    task_table_find(&table, 1)->state = TASK_HELD;
    cr_assert_eq(task_table_take_resend(&table), task_table_find(&table, 2));
    cr_assert_null(task_table_take_resend(&table));
}

Test(table, what_was_never_sent_is_not_sent_again)
{
    task_table_add(&table, 1, 1);
    task_table_requeue(&table, task_table_find(&table, 0));
    cr_assert_null(task_table_take_resend(&table));
}
