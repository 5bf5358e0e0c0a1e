/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/completions.h"

#include "common/memory.h"
#include <stdlib.h>
#include <uthash.h>

/* A committed task, whose DONE has not come yet. */
struct late_completion {
    uint64_t seq;
    uint64_t length;
    struct task_run run; /* as far as it is known */
    UT_hash_handle hh;   /* in the order in which they were committed */
};

void completions_init(struct completions *completions, bool wanted,
                      const struct task_table *table, const struct worker_pool *pool)
{
    *completions = (struct completions){.wanted = wanted, .table = table, .pool = pool};
    ring_init(&completions->told, sizeof(struct completion));
}

void completions_deinit(struct completions *completions)
{
    completions_settle(completions, INT64_MAX);
    ring_deinit(&completions->told);
}

static void tell(struct completions *completions, uint64_t seq, uint64_t length,
                 const struct task_run *run)
{
    struct completion *completion = ring_push(&completions->told);
    *completion = (struct completion){.seq = seq,
                                      .length = length,
                                      .ended_us = run->ended_us,
                                      .run_us = run->run_us,
                                      .well = run->well,
                                      .cause = run->cause,
                                      .code = run->code,
                                      .host = "",
                                      .command = ""};
    if (!run->worker)
        return;
    const struct known_worker *worker = completions->pool->workers[run->worker - 1];
    if (worker->host)
        completion->host = worker->host;
    if (worker->command)
        completion->command = worker->command;
}

static void tell_task(struct completions *completions, struct task *task)
{
    task->told = true;
    tell(completions, task->seq, task->length, &task->run);
}

static void tell_late(struct completions *completions, struct late_completion *late,
                      const struct task_run *run)
{
    tell(completions, late->seq, late->length, run);
    HASH_DEL(completions->late, late);
    free(late);
}

/* ---- what becomes known, as it comes ---- */

void completions_on_run(struct completions *completions, uint64_t seq,
                        const struct task_run *run)
{
    struct late_completion *late;
    if (!completions->wanted)
        return;
    struct task *task = task_table_find(completions->table, seq);
    if (task && !task->told) {
        task->run = *run;
        if (run->well && (task->state == TASK_HELD || completions->all_held))
            tell_task(completions, task);
    } else if (!task && run->well) {
        HASH_FIND(hh, completions->late, &seq, sizeof seq, late);
        if (late)
            tell_late(completions, late, run);
    }
}

void completions_on_cut_off(struct completions *completions,
                            const struct attempt *attempt, int64_t now_us)
{
    struct task_run run = {.ended_us = now_us,
                           .run_us = (uint64_t)(now_us - attempt->running_us),
                           .worker = attempt->session->worker->number};
    completions_on_run(completions, attempt->task->seq, &run);
}

void completions_on_held(struct completions *completions, struct task *task)
{
    if (!completions->wanted || task->told)
        return;
    if (task->run.well)
        tell_task(completions, task);
    else if (!LIST_EMPTY(&task->open)) /* the result is of one of these */
        task->run.worker = LIST_FIRST(&task->open)->session->worker->number;
}

void completions_on_all_held(struct completions *completions)
{
    const struct task_table *table = completions->table;
    completions->all_held = true;
    for (uint64_t seq = table->first; seq < table->cut; seq++)
        completions_on_held(completions, task_table_find(table, seq));
}

void completions_on_given_up(struct completions *completions, struct task *task,
                             enum failure cause, uint32_t code)
{
    if (!completions->wanted || task->told)
        return;
    task->run.well = false;
    task->run.cause = cause;
    task->run.code = code;
    tell_task(completions, task);
}

void completions_on_committed(struct completions *completions, const struct task *task,
                              int64_t now_us)
{
    if (!completions->wanted || task->told)
        return;
    struct late_completion *late = allocate_zeroed(1, sizeof *late);
    late->seq = task->seq;
    late->length = task->length;
    late->run.worker = task->run.worker;
    late->run.ended_us = now_us;
    late->run.well = true;
    HASH_ADD(hh, completions->late, seq, sizeof late->seq, late);
}

/* ---- what nobody will say any more ---- */

void completions_settle(struct completions *completions, int64_t before_us)
{
    struct late_completion *late, *next;
    HASH_ITER (hh, completions->late, late, next) {
        if (late->run.ended_us > before_us)
            return; /* and so did those that follow */
        tell_late(completions, late, &late->run);
    }
}

/* A sink that stops may hold more than it has said: a done task is told, even if a
 * resumed run does it again. */
void completions_end(struct completions *completions, int64_t now_us)
{
    const struct task_table *table = completions->table;
    completions_settle(completions, INT64_MAX);
    if (!completions->wanted)
        return;
    for (uint64_t seq = table->first; seq < table->cut; seq++) {
        struct task *task = task_table_find(table, seq);
        bool held = task->state == TASK_HELD || completions->all_held;
        if (task->told || !(task->run.well || held))
            continue;
        if (!task->run.well)
            task->run = (struct task_run){
                .worker = task->run.worker, .ended_us = now_us, .well = true};
        tell_task(completions, task);
    }
}

bool completions_next(struct completions *completions,
                      struct completion *ret_completion)
{
    return ring_pop(&completions->told, ret_completion);
}
