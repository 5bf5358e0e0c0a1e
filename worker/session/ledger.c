/* SPDX-License-Identifier: MIT */
/*
 * All entries lie in a hash by seq, the queued ones in a heap as well.
 */
/* Seqs come in order: it is enough to spread them. */
#define HASH_FUNCTION(key, length, hash) \
    ((hash) = (unsigned)((*(key)*UINT64_C(0x9E3779B97F4A7C15)) >> 32))
#define HASH_KEYCMP(a, b, length) (*(const uint64_t *)(a) != *(const uint64_t *)(b))
#include "worker/session/ledger.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

void ledger_init(struct ledger *ledger)
{
    *ledger = (struct ledger){0};
    heap_init(&ledger->queued);
}

void ledger_deinit(struct ledger *ledger)
{
    assert(!ledger->tasks);
    heap_deinit(&ledger->queued);
    free(ledger->entries);
    free(ledger->attempts);
}

struct ledger_task *ledger_find(const struct ledger *ledger, uint64_t seq)
{
    struct ledger_task *task;
    HASH_FIND(hh, ledger->tasks, &seq, sizeof seq, task);
    return task;
}

static void enqueue(struct ledger *ledger, struct ledger_task *task)
{
    heap_push(&ledger->queued, task->seq, task, &task->queue_at);
}

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

static void leave_state(struct ledger *ledger, struct ledger_task *task)
{
    if (task->state == ENTRY_QUEUED)
        heap_remove(&ledger->queued, task->queue_at);
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
    return ledger->queued.count ? ledger->queued.entries[0].owner : NULL;
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
