/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a task that failed, or was lost, as often as it may: it stops the
 * run, or it is given up and the sink is told, again and again until it says that it
 * knows. And before that, whether its bad records are to be found instead.
 */
#include "common/exit_status.h"
#include "common/memory.h"
#include "ventilator/dispatch_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    TRIES_WITHOUT_LIMIT = 3, /* of a record alone, where --retries knows no limit */
    HALT_LEAST = 3, /* failed tasks before a percentage of them means anything */
};

/* ---- giving up ---- */

static struct dispatch_failure failure_of(uint64_t seq, const struct task *task,
                                          enum failure how, uint32_t code,
                                          struct slice text)
{
    struct dispatch_failure failure = {
        .seq = seq, .attempts = task->fails + task->losses, .how = how, .code = code};
    failure.text_size =
        (uint32_t)(text.size < TEXT_MAX_BYTES ? text.size : TEXT_MAX_BYTES);
    if (failure.text_size)
        memcpy(failure.text, text.data, failure.text_size);
    return failure;
}

static void tell_skip(struct dispatch *dispatch, uint64_t seq)
{
    if (dispatch->sink.begun)
        dispatch_act(dispatch, DISPATCH_SKIP, dispatch->sink.said.peer)->seq = seq;
}

static void skip(struct dispatch *dispatch, struct task *task,
                 const struct dispatch_failure *failure)
{
    dispatch->counts.given_up++;
    task->failure = allocate(sizeof *task->failure);
    *task->failure = *failure;
    tell_skip(dispatch, failure->seq);
}

/* As many losses as it may have; where its bad records are searched, the search says.
 */
static bool lost_for_good(const struct dispatch *dispatch, const struct task *task)
{
    if (task->search)
        return search_hopeless(task->search);
    if (dispatch->config.on_error == ON_ERROR_ISOLATE && task->records)
        return false;
    return dispatch->config.losses && task->losses >= dispatch->config.losses;
}

/* Another attempt would take as long and fail in the same way. Where others have done
 * something, it is the worker that has trouble, and not the program. */
static bool is_vain(const struct dispatch *dispatch, enum failure how, uint32_t code)
{
    return how == FAILURE_PROTOCOL && code == FAILURE_PROTOCOL_MUTE &&
           dispatch->counts.done == 0;
}

bool dispatch_give_up(struct dispatch *dispatch, uint64_t seq, enum failure how,
                      uint32_t code, struct slice text, int64_t now_us)
{
    const struct dispatch_config *config = &dispatch->config;
    struct task *task = book_find(&dispatch->book, seq);
    bool failed = config->retries &&
                  (task->fails >= config->retries || is_vain(dispatch, how, code));
    if (dispatch_in_good_hands(task) || (!failed && !lost_for_good(dispatch, task)))
        return false;
    task->state = TASK_GIVEN_UP;
    dispatch_note_given_up(dispatch, seq, task, how, code);
    struct dispatch_failure failure = failure_of(seq, task, how, code, text);
    if (config->on_error == ON_ERROR_STOP) {
        dispatch->failure = failure;
        dispatch_stop(dispatch, OUTCOME_STOPPED, STATUS_CHUNK_FAILED, "", now_us);
    } else {
        skip(dispatch, task, &failure);
        dispatch_mind_halt(dispatch, now_us);
    }
    return true;
}

void dispatch_skip_again(struct dispatch *dispatch)
{
    const struct book *book = &dispatch->book;
    for (uint64_t seq = book->first; seq < book->cut; seq++)
        if (book_find(book, seq)->state == TASK_GIVEN_UP &&
            book_find(book, seq)->failure)
            tell_skip(dispatch, seq);
}

const struct dispatch_failure *dispatch_skipped(const struct dispatch *dispatch,
                                                uint64_t seq)
{
    const struct task *task = book_find(&dispatch->book, seq);
    return task ? task->failure : NULL;
}

/* ---- finding bad records ---- */

bool dispatch_isolates(const struct dispatch *dispatch, const struct task *task)
{
    const struct dispatch_config *config = &dispatch->config;
    if (config->on_error != ON_ERROR_ISOLATE || !task->records)
        return false;
    return task->search || (config->retries && task->fails + 1 >= config->retries);
}

struct isolation dispatch_isolation(struct dispatch *dispatch, uint64_t seq)
{
    const struct task *task = book_find(&dispatch->book, seq);
    uint32_t retries = dispatch->config.retries;
    struct isolation isolation = {.tries = retries ? retries : TRIES_WITHOUT_LIMIT};
    if (!task || !task->search)
        return isolation;
    if (!dispatch->except)
        dispatch->except = allocate_zeroed(BAD_MAX, sizeof *dispatch->except);
    isolation.probe = search_probes(task->search);
    isolation.count = search_except(task->search, dispatch->except);
    isolation.except = dispatch->except;
    return isolation;
}

/* ---- stopping after too many ---- */

static bool too_many(const struct dispatch *dispatch, uint64_t failed)
{
    const struct halt *halt = &dispatch->config.halt;
    if (halt->tasks)
        return failed >= halt->tasks;
    uint64_t ended = dispatch->released - dispatch->began_at;
    return failed >= HALT_LEAST && failed * 100 >= halt->percent * ended;
}

void dispatch_mind_halt(struct dispatch *dispatch, int64_t now_us)
{
    uint64_t failed = dispatch->counts.dead;
    char text[128];
    if (dispatch->counts.given_up > failed)
        failed = dispatch->counts.given_up;
    if (dispatch->config.halt.when == HALT_NEVER || !too_many(dispatch, failed))
        return;
    snprintf(text, sizeof text, "%" PRIu64 " chunk%s failed, and --halt says to stop",
             failed, failed == 1 ? "" : "s");
    if (dispatch->config.halt.when == HALT_NOW)
        dispatch_stop(dispatch, OUTCOME_STOPPED, STATUS_CHUNK_FAILED, text, now_us);
    else
        dispatch_drain(dispatch, OUTCOME_STOPPED, STATUS_CHUNK_FAILED, text);
}
