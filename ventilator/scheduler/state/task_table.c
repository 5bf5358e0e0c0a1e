/* SPDX-License-Identifier: MIT */
/*
 * A ring indexed by seq, as the seqs in the table are always an unbroken range, and a
 * heap of the seqs that are to be sent again. The heap is lazy: a seq stays in it when
 * its task is settled otherwise, and is skipped when it comes up.
 */
#include "ventilator/scheduler/state/task_table.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

void task_table_init(struct task_table *table)
{
    *table = (struct task_table){.capacity = 64};
    heap_init(&table->resend_queue);
    table->tasks = allocate_zeroed(table->capacity, sizeof(struct task));
}

void task_table_deinit(struct task_table *table)
{
    while (table->first < table->cut)
        task_table_remove_first(table);
    free(table->tasks);
    heap_deinit(&table->resend_queue);
    *table = (struct task_table){0};
}

void task_table_begin(struct task_table *table, uint64_t position)
{
    assert(table->first == table->cut);
    table->first = table->cut = table->fresh = position;
}

static struct task *at(const struct task_table *table, uint64_t seq)
{
    return &table->tasks[seq & (table->capacity - 1)];
}

/* Its attempts point to it, and the first one to the head of its list. */
static void move_task(struct task *to, const struct task *from)
{
    struct attempt *attempt;
    *to = *from;
    if (!LIST_EMPTY(&to->open))
        LIST_FIRST(&to->open)->of_task.le_prev = &LIST_FIRST(&to->open);
    LIST_FOREACH (attempt, &to->open, of_task)
        attempt->task = to;
}

static void grow(struct task_table *table)
{
    struct task_table larger = *table;
    larger.capacity *= 2;
    larger.tasks = allocate_zeroed(larger.capacity, sizeof(struct task));
    for (uint64_t seq = table->first; seq < table->cut; seq++)
        move_task(at(&larger, seq), at(table, seq));
    free(table->tasks);
    *table = larger;
}

uint64_t task_table_add(struct task_table *table, uint64_t length, uint64_t records)
{
    if (table->cut - table->first == table->capacity)
        grow(table);
    *at(table, table->cut) =
        (struct task){.seq = table->cut, .length = length, .records = records};
    return table->cut++;
}

void task_table_remove_first(struct task_table *table)
{
    struct task *task = task_table_find(table, table->first);
    assert(task && LIST_EMPTY(&task->open));
    if (task->bisect)
        crash_bisect_destroy(&task->bisect);
    free(task->failure);
    for (struct failed_at *next, *at = task->failed_at; at; at = next) {
        next = at->next;
        free(at);
    }
    table->first++;
    if (table->fresh < table->first)
        table->fresh = table->first;
}

void task_table_requeue(struct task_table *table, struct task *task)
{
    task->state = TASK_QUEUED;
    if (task->seq >= table->fresh || task->resend_listed)
        return;
    task->resend_listed = true;
    heap_push(&table->resend_queue, task->seq, NULL, NULL);
}

struct task *task_table_take_resend(struct task_table *table)
{
    while (table->resend_queue.count) {
        struct task *task = task_table_find(table, heap_pop(&table->resend_queue).key);
        if (!task)
            continue;
        task->resend_listed = false;
        if (task->state == TASK_QUEUED)
            return task;
    }
    return NULL;
}

struct failed_at *task_failed_at(const struct task *task,
                                 const struct known_worker *worker)
{
    struct failed_at *at = task ? task->failed_at : NULL;
    while (at && at->worker != worker)
        at = at->next;
    return at;
}

struct failed_at *task_fail_at(struct task *task, struct known_worker *worker)
{
    struct failed_at *at = task_failed_at(task, worker);
    if (at)
        return at;
    at = allocate(sizeof *at);
    *at = (struct failed_at){.next = task->failed_at, .worker = worker};
    return task->failed_at = at;
}

bool task_has_attempt(const struct task *task, uint32_t number)
{
    const struct attempt *attempt;
    LIST_FOREACH (attempt, &task->open, of_task)
        if (attempt->number == number)
            return true;
    return false;
}

struct attempt *task_attempt_at(const struct task *task,
                                const struct worker_session *session)
{
    struct attempt *attempt;
    if (task)
        LIST_FOREACH (attempt, &task->open, of_task)
            if (attempt->session == session)
                return attempt;
    return NULL;
}
