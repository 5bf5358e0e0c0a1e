/* SPDX-License-Identifier: MIT */
/*
 * Entries in a hash by seq; those that are queued in a heap as well, which knows where
 * each is, so that any of them can leave it.
 */
#include "worker/ledger.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

void ledger_init(struct ledger *ledger)
{
    *ledger = (struct ledger){0};
}

void ledger_deinit(struct ledger *ledger)
{
    assert(!ledger->tasks);
    free(ledger->queued);
    free(ledger->entries);
    free(ledger->attempts);
}

struct ledger_task *ledger_find(const struct ledger *ledger, uint64_t seq)
{
    struct ledger_task *task;
    HASH_FIND(hh, ledger->tasks, &seq, sizeof seq, task);
    return task;
}

/* ---- the heap of the queued ---- */

static void place(struct ledger *ledger, size_t index, struct ledger_task *task)
{
    ledger->queued[index] = task;
    task->queue_at = index;
}

static void sift_up(struct ledger *ledger, size_t index)
{
    struct ledger_task *task = ledger->queued[index];
    for (; index && task->seq < ledger->queued[(index - 1) / 2]->seq;
         index = (index - 1) / 2)
        place(ledger, index, ledger->queued[(index - 1) / 2]);
    place(ledger, index, task);
}

static void sift_down(struct ledger *ledger, size_t index)
{
    struct ledger_task *task = ledger->queued[index];
    for (size_t child = 2 * index + 1; child < ledger->queued_count;
         child = 2 * index + 1) {
        if (child + 1 < ledger->queued_count &&
            ledger->queued[child + 1]->seq < ledger->queued[child]->seq)
            child++;
        if (task->seq <= ledger->queued[child]->seq)
            break;
        place(ledger, index, ledger->queued[child]);
        index = child;
    }
    place(ledger, index, task);
}

static void enqueue(struct ledger *ledger, struct ledger_task *task)
{
    ledger->queued = room_for_one_more(ledger->queued, ledger->queued_count,
                                       &ledger->queued_capacity,
                                       sizeof *ledger->queued);
    place(ledger, ledger->queued_count++, task);
    sift_up(ledger, task->queue_at);
}

static void dequeue(struct ledger *ledger, struct ledger_task *task)
{
    size_t index = task->queue_at;
    struct ledger_task *last = ledger->queued[--ledger->queued_count];
    if (last == task)
        return;
    place(ledger, index, last);
    sift_up(ledger, index);
    sift_down(ledger, last->queue_at);
}

/* ---- entries ---- */

struct ledger_task *ledger_add(struct ledger *ledger, uint64_t seq, uint32_t attempt,
                               void *cargo)
{
    struct ledger_task *task = allocate_zeroed(1, sizeof *task);
    task->seq = seq;
    task->attempt = attempt;
    task->state = ENTRY_QUEUED;
    task->cargo = cargo;
    HASH_ADD(hh, ledger->tasks, seq, sizeof task->seq, task);
    ledger->count++;
    enqueue(ledger, task);
    return task;
}

/* Out of what its state keeps count of. */
static void leave_state(struct ledger *ledger, struct ledger_task *task)
{
    if (task->state == ENTRY_QUEUED)
        dequeue(ledger, task);
    else if (task->state == ENTRY_RUNNING)
        ledger->running--;
}

void ledger_remove(struct ledger *ledger, struct ledger_task *task)
{
    leave_state(ledger, task);
    HASH_DEL(ledger->tasks, task);
    ledger->count--;
    free(task);
}

void ledger_set_state(struct ledger *ledger, struct ledger_task *task,
                      enum entry_state state)
{
    static const bool allowed[3][3] = {
        [ENTRY_QUEUED] = {[ENTRY_RUNNING] = true},
        [ENTRY_RUNNING] = {[ENTRY_QUEUED] = true, [ENTRY_DONE] = true},
    };
    assert(allowed[task->state][state]);
    leave_state(ledger, task);
    task->state = state;
    if (state == ENTRY_QUEUED)
        enqueue(ledger, task);
    else if (state == ENTRY_RUNNING)
        ledger->running++;
}

struct ledger_task *ledger_first_queued(const struct ledger *ledger)
{
    return ledger->queued_count ? ledger->queued[0] : NULL;
}

struct ledger_task *ledger_any(const struct ledger *ledger)
{
    return ledger->tasks;
}

const struct ledger_entry *ledger_list(struct ledger *ledger, uint32_t *ret_count)
{
    ledger->entries =
        reallocate(ledger->entries, ledger->count, sizeof *ledger->entries);
    uint32_t count = 0;
    for (struct ledger_task *task = ledger->tasks; task && count < LEDGER_MAX;
         task = task->hh.next)
        ledger->entries[count++] = (struct ledger_entry){
            .seq = task->seq, .attempt = task->attempt, .state = task->state};
    *ret_count = count;
    return ledger->entries;
}

const struct attempt_entry *ledger_list_running(struct ledger *ledger,
                                                uint32_t *ret_count)
{
    ledger->attempts =
        reallocate(ledger->attempts, ledger->running, sizeof *ledger->attempts);
    uint32_t count = 0;
    for (struct ledger_task *task = ledger->tasks; task && count < LEDGER_MAX;
         task = task->hh.next)
        if (task->state == ENTRY_RUNNING)
            ledger->attempts[count++] =
                (struct attempt_entry){.seq = task->seq, .attempt = task->attempt};
    *ret_count = count;
    return ledger->attempts;
}
