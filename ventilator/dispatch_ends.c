/* SPDX-License-Identifier: MIT */
/*
 * What a job log is told: one end for each task, which is that it failed for good, or
 * that the sink holds its result and a worker has said how long that took. The two come
 * over different connections, in any order; a task that is committed before its DONE is
 * here waits for that among the late ones, for no longer than the liveness time.
 *
 * Does nothing where nobody asked for ends.
 */
#include "common/memory.h"
#include "ventilator/dispatch_state.h"

#include <stdlib.h>
#include <uthash.h>

/* A task off the book of which no DONE has come yet. */
struct late_end {
    uint64_t seq;
    uint64_t length;
    struct task_run run; /* as far as it is known */
    UT_hash_handle hh;   /* in the order in which they came */
};

static const char *text_or_none(const char *text)
{
    return text ? text : "";
}

static void tell(struct dispatch *dispatch, uint64_t seq, uint64_t length,
                 const struct task_run *run)
{
    struct dispatch_end *end = queue_push(&dispatch->ends);
    *end = (struct dispatch_end){.seq = seq,
                                 .length = length,
                                 .ended_us = run->ended_us,
                                 .run_us = run->run_us,
                                 .well = run->well,
                                 .how = run->how,
                                 .code = run->code,
                                 .host = "",
                                 .command = ""};
    if (!run->worker)
        return;
    const struct crew_worker *worker = dispatch->crew.workers[run->worker - 1];
    end->host = text_or_none(worker->host);
    end->command = text_or_none(worker->command);
}

static void tell_task(struct dispatch *dispatch, uint64_t seq, struct task *task)
{
    task->told = true;
    tell(dispatch, seq, task->length, &task->run);
}

static void tell_late(struct dispatch *dispatch, struct late_end *late,
                      const struct task_run *run)
{
    tell(dispatch, late->seq, late->length, run);
    HASH_DEL(dispatch->late, late);
    free(late);
}

/* The sink has its result: it says so, or that it has all. */
static bool is_held(const struct dispatch *dispatch, const struct task *task)
{
    return task->state == TASK_HELD ||
           (dispatch->over && dispatch->verdict.outcome == OUTCOME_COMPLETE);
}

/* ---- what is known, as it comes ---- */

void dispatch_note_run(struct dispatch *dispatch, uint64_t seq,
                       const struct task_run *run)
{
    struct late_end *late;
    if (!dispatch->config.tells_ends)
        return;
    struct task *task = book_find(&dispatch->book, seq);
    if (task && !task->told) {
        task->run = *run;
        if (run->well && is_held(dispatch, task))
            tell_task(dispatch, seq, task);
    } else if (!task && run->well) {
        HASH_FIND(hh, dispatch->late, &seq, sizeof seq, late);
        if (late)
            tell_late(dispatch, late, run);
    }
}

void dispatch_note_cut_off(struct dispatch *dispatch, const struct attempt *attempt,
                           int64_t now_us)
{
    struct task_run run = {.ended_us = now_us,
                           .run_us = (uint64_t)(now_us - attempt->running_us),
                           .worker = attempt->session->worker->number};
    dispatch_note_run(dispatch, attempt->seq, &run);
}

void dispatch_note_held(struct dispatch *dispatch, uint64_t seq, struct task *task)
{
    if (!dispatch->config.tells_ends || task->told)
        return;
    if (task->run.well)
        tell_task(dispatch, seq, task);
    else if (!LIST_EMPTY(&task->open)) /* of these, it was one */
        task->run.worker = LIST_FIRST(&task->open)->session->worker->number;
}

void dispatch_note_finished(struct dispatch *dispatch)
{
    if (dispatch->verdict.outcome != OUTCOME_COMPLETE)
        return;
    for (uint64_t seq = dispatch->book.first; seq < dispatch->book.cut; seq++)
        dispatch_note_held(dispatch, seq, book_find(&dispatch->book, seq));
}

void dispatch_note_given_up(struct dispatch *dispatch, uint64_t seq, struct task *task,
                            enum failure how, uint32_t code)
{
    if (!dispatch->config.tells_ends || task->told)
        return;
    task->run.well = false;
    task->run.how = how;
    task->run.code = code;
    tell_task(dispatch, seq, task);
}

void dispatch_note_committed(struct dispatch *dispatch, uint64_t seq,
                             const struct task *task)
{
    if (!dispatch->config.tells_ends || task->told)
        return;
    struct late_end *late = allocate_zeroed(1, sizeof *late);
    *late = (struct late_end){.seq = seq, .length = task->length};
    late->run.worker = task->run.worker;
    late->run.ended_us = dispatch->now_us;
    late->run.well = true;
    HASH_ADD(hh, dispatch->late, seq, sizeof late->seq, late);
}

/* ---- what nobody will say any more ---- */

void dispatch_settle_ends(struct dispatch *dispatch, int64_t before_us)
{
    struct late_end *late, *next;
    HASH_ITER (hh, dispatch->late, late, next) {
        if (late->run.ended_us > before_us)
            return; /* and so did those that follow */
        tell_late(dispatch, late, &late->run);
    }
}

/* A sink that stops may hold more than it came to say: what is done is told, even if it
 * should be done again by who goes on. */
void dispatch_tell_rest(struct dispatch *dispatch)
{
    dispatch_settle_ends(dispatch, INT64_MAX);
    if (!dispatch->config.tells_ends)
        return;
    for (uint64_t seq = dispatch->book.first; seq < dispatch->book.cut; seq++) {
        struct task *task = book_find(&dispatch->book, seq);
        if (task->told || !(task->run.well || is_held(dispatch, task)))
            continue;
        if (!task->run.well)
            task->run = (struct task_run){
                .worker = task->run.worker, .ended_us = dispatch->now_us, .well = true};
        tell_task(dispatch, seq, task);
    }
}

void dispatch_drop_ends(struct dispatch *dispatch)
{
    dispatch_settle_ends(dispatch, INT64_MAX);
    queue_deinit(&dispatch->ends);
}

bool dispatch_next_end(struct dispatch *dispatch, struct dispatch_end *ret_end)
{
    return queue_pop(&dispatch->ends, ret_end);
}
