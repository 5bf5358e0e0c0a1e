/* SPDX-License-Identifier: MIT */
#include "worker/session/ledger.h"

#include <criterion/criterion.h>

static struct ledger ledger;

static void begin(void)
{
    ledger_init(&ledger);
}

static void end(void)
{
    struct ledger_task *task;
    while ((task = ledger_any(&ledger)))
        ledger_remove(&ledger, task);
    cr_assert_eq(ledger.count, 0);
    cr_assert_eq(ledger.running, 0);
    ledger_deinit(&ledger);
}

TestSuite(ledger, .init = begin, .fini = end);

static void start_first(uint64_t expected_seq)
{
    struct ledger_task *task = ledger_first_queued(&ledger);
    cr_assert_not_null(task);
    cr_assert_eq(task->seq, expected_seq);
    ledger_set_state(&ledger, task, ENTRY_RUNNING);
}

Test(ledger, gives_the_lowest_seq_first_in_whatever_order_tasks_came)
{
    enum { COUNT = 101, STEP = 37 }; /* without a common divisor: each seq once */
    for (uint64_t i = 0; i < COUNT; i++)
        ledger_add(&ledger, i * STEP % COUNT, 1, NULL);
    for (uint64_t seq = 0; seq < COUNT; seq++)
        start_first(seq);
    cr_assert_null(ledger_first_queued(&ledger));
    cr_assert_eq(ledger.running, COUNT);
}

Test(ledger, any_task_may_leave_the_queue_and_the_rest_stays_in_order)
{
    for (uint64_t removed = 0; removed < 20; removed++) {
        for (uint64_t seq = 20; seq-- > 0;)
            ledger_add(&ledger, seq, 1, NULL);
        ledger_remove(&ledger, ledger_find(&ledger, removed));
        for (uint64_t seq = 0; seq < 20; seq++) {
            if (seq == removed)
                continue;
            start_first(seq);
            ledger_remove(&ledger, ledger_find(&ledger, seq));
        }
        cr_assert_eq(ledger.count, 0);
    }
}

Test(ledger, a_task_that_goes_back_to_the_queue_finds_its_place)
{
    ledger_add(&ledger, 1, 1, NULL);
    ledger_add(&ledger, 2, 1, NULL);
    start_first(1);
    ledger_set_state(&ledger, ledger_find(&ledger, 1), ENTRY_QUEUED);
    start_first(1);
    start_first(2);
}

Test(ledger, lists_every_entry_with_its_state)
{
    uint32_t count, seen = 0;
    ledger_add(&ledger, 5, 3, NULL);
    start_first(5);
    ledger_set_state(&ledger, ledger_find(&ledger, 5), ENTRY_DONE);
    ledger_add(&ledger, 6, 1, NULL);
    start_first(6);
    ledger_add(&ledger, 7, 2, NULL);
    const struct ledger_entry *entries = ledger_list(&ledger, &count);
    cr_assert_eq(count, 3);
    for (uint32_t i = 0; i < count; i++) {
        static const struct ledger_entry expected[] = {
            {5, 3, ENTRY_DONE}, {6, 1, ENTRY_RUNNING}, {7, 2, ENTRY_QUEUED}};
        const struct ledger_entry *entry = &expected[entries[i].seq - 5];
        cr_assert_eq(entries[i].attempt, entry->attempt);
        cr_assert_eq(entries[i].state, entry->state);
        seen |= 1u << (entries[i].seq - 5);
    }
    cr_assert_eq(seen, 7);
}

Test(ledger, lists_running_tasks_alone)
{
    uint32_t count;
    ledger_add(&ledger, 5, 3, NULL);
    ledger_add(&ledger, 6, 1, NULL);
    start_first(5);
    const struct attempt_entry *attempts = ledger_list_running(&ledger, &count);
    cr_assert_eq(count, 1);
    cr_assert_eq(attempts[0].seq, 5);
    cr_assert_eq(attempts[0].attempt, 3);
}
