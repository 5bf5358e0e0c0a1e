/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/on_sink.h"

#include "common/exit_status.h"
#include "common/protocol/mark.h"
#include "common/protocol/payload_compression.h"
#include "ventilator/scheduler/admission.h"
#include "ventilator/scheduler/attempts.h"
#include "ventilator/scheduler/ending.h"
#include "ventilator/scheduler/failures.h"
#include "ventilator/scheduler/sessions.h"
#include "ventilator/scheduler/standing.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A sink that has finished cannot be ours: nobody told it of an end. */
static bool is_too_early(const struct dispatch *dispatch)
{
    return dispatch->epoch && !dispatch->run.end_told &&
           !run_state_is_stopped(&dispatch->run);
}

static void reject(struct dispatch *dispatch, uint32_t peer, enum reject reason)
{
    push_action(dispatch, DISPATCH_REJECT, peer)->reason = reason;
}

/* ---- HELLO ---- */

static void accept(struct dispatch *dispatch, const struct sink_hello *hello,
                   int64_t now_us)
{
    struct sink_link *sink = &dispatch->sink;
    const struct run_state *run = &dispatch->run;
    sink->said = *hello;
    sink->here = true;
    sink->begun = sink->second_waits = false;
    sink_word_heard(&sink->word, dispatch->config.liveness_us, now_us);
    push_action(dispatch, DISPATCH_WELCOME_SINK, hello->peer);
    if (!run_state_is_over(run))
        return;
    /* A sink that was silent while the run was stopped hears how that ended. */
    if (dispatch->epoch && !run->verdict.relayed)
        push_action(dispatch, DISPATCH_END, hello->peer)->seq = dispatch->table.cut;
    push_action(dispatch, DISPATCH_GOODBYE, hello->peer);
}

/* There is a sink: the second one waits until that is known to be gone. */
static void queue_second_sink(struct dispatch *dispatch, const struct sink_hello *hello,
                              int64_t now_us)
{
    struct sink_link *sink = &dispatch->sink;
    if (!sink->second_waits ||
        !id_equal(&sink->second.incarnation, &hello->incarnation))
        sink->second_us = now_us;
    sink->second_waits = true;
    sink->second = *hello;
    push_action(dispatch, DISPATCH_PONG, sink->said.peer); /* EHOSTUNREACH tells */
}

/* Of two connections of one sink, the HELLO of the older one may come last; all that
 * follows it there is of the past, too. */
static bool is_older(const struct sink_hello *hello, const struct sink_hello *than)
{
    return id_equal(&hello->incarnation, &than->incarnation) &&
           hello->nonce < than->nonce;
}

void on_sink_hello(struct dispatch *dispatch, uint32_t peer,
                   const struct message *message, int64_t now_us)
{
    const struct sink_link *sink = &dispatch->sink;
    struct sink_hello hello = {
        .peer = peer,
        .incarnation = message->hello_sink.incarnation,
        .nonce = message->hello_sink.nonce,
        .max_result = message->hello_sink.max_result,
        .compressions = payload_compressions_named(
            message->hello_sink.capabilities, message->hello_sink.capability_count),
        .borrows = capability_is_named(message->hello_sink.capabilities,
                                       message->hello_sink.capability_count,
                                       CAPABILITY_LOANS),
        .takes_parts = capability_is_named(message->hello_sink.capabilities,
                                           message->hello_sink.capability_count,
                                           CAPABILITY_PARTS),
        .finished = message->hello_sink.finished,
    };
    endpoint_list_copy(&hello.endpoints, message->hello_sink.endpoints,
                       message->hello_sink.endpoint_count);
    if (is_older(&hello, &sink->said) || is_older(&hello, &sink->second))
        return;
    if (hello.finished && is_too_early(dispatch))
        reject(dispatch, peer, REJECT_STATE);
    else if (sink->here && !run_state_is_over(&dispatch->run) &&
             !id_equal(&hello.incarnation, &sink->said.incarnation))
        queue_second_sink(dispatch, &hello, now_us);
    else
        accept(dispatch, &hello, now_us);
}

/* The sink is gone: the second one takes its place. */
static void lose_sink(struct dispatch *dispatch, int64_t now_us)
{
    struct sink_link *sink = &dispatch->sink;
    sink->here = sink->begun = false;
    if (!sink->second_waits)
        return;
    struct sink_hello second = sink->second;
    accept(dispatch, &second, now_us);
}

void on_sink_unreachable(struct dispatch *dispatch, uint32_t peer, int64_t now_us)
{
    struct sink_link *sink = &dispatch->sink;
    if (sink->second_waits && sink->second.peer == peer)
        sink->second_waits = false;
    if (sink->here && sink->said.peer == peer)
        lose_sink(dispatch, now_us);
}

void on_sink_check_second(struct dispatch *dispatch, int64_t now_us)
{
    enum { TALKS_HEARTBEATS = 4 };
    struct sink_link *sink = &dispatch->sink;
    int64_t liveness_us = dispatch->config.liveness_us;
    int64_t heartbeat_us = (int64_t)worker_pool_heartbeat_ms(&dispatch->pool) * 1000;
    int64_t silent_us = sink_word_silence_us(&sink->word, now_us);
    if (!sink->second_waits)
        return;
    if (silent_us > liveness_us) {
        lose_sink(dispatch, now_us);
    } else if (now_us - sink->second_us > liveness_us &&
               silent_us <= TALKS_HEARTBEATS * heartbeat_us) {
        sink->second_waits = false;
        reject(dispatch, sink->second.peer, REJECT_TAKEN);
    }
}

/* ---- PROGRESS ---- */

/* The sink has the result: no worker needs to keep it. */
static void hold(struct dispatch *dispatch, uint64_t seq)
{
    struct task *task = task_table_find(&dispatch->table, seq);
    if (!task)
        return;
    bool given = !task->failure; /* else it may be the dead letter that it holds */
    task->state = TASK_HELD;
    completions_on_held(&dispatch->completions, task);
    if (given)
        standing_on_held(dispatch, task);
    struct attempt *attempt = LIST_FIRST(&task->open);
    if (given && attempt && attempt->done && !LIST_NEXT(attempt, of_task))
        worker_session_confirm(attempt->session); /* nobody else can have given it */
    while ((attempt = LIST_FIRST(&task->open))) {
        if (!attempt->done && !attempt->isolates)
            worker_session_keep_journey(attempt->session, attempt);
        if (!attempt->done)
            drain_state_on_held(&attempt->session->worker->drain, seq);
        attempts_forget(dispatch, attempt);
    }
}

static void hold_ranges(struct dispatch *dispatch, const struct range *ranges,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t first = ranges[i].first, end = first + ranges[i].count;
        if (first < dispatch->table.first)
            first = dispatch->table.first;
        if (end > dispatch->table.cut)
            end = dispatch->table.cut;
        for (uint64_t seq = first; seq < end; seq++)
            hold(dispatch, seq);
    }
}

static void commit_to(struct dispatch *dispatch, uint64_t committed)
{
    while (dispatch->table.first < committed) {
        uint64_t seq = dispatch->table.first;
        const struct task *task = task_table_find(&dispatch->table, seq);
        if (dispatch->config.keeps_bytes)
            dispatch->demand.buffered_bytes -= task->length;
        completions_on_committed(&dispatch->completions, task, dispatch->now_us);
        task_table_remove_first(&dispatch->table);
        push_action(dispatch, DISPATCH_DISCARD, 0)->seq = seq;
    }
}

/* A sink that claims more tasks than were cut is not ours: dispatch ignores that. */
static void move_on(struct dispatch *dispatch, uint64_t released, uint64_t committed)
{
    if (released > dispatch->table.cut || committed > released)
        return;
    uint64_t from = dispatch->released > dispatch->table.first ? dispatch->released
                                                               : dispatch->table.first;
    for (uint64_t seq = from; seq < released; seq++)
        hold(dispatch, seq);
    dispatch->released = released;
    if (committed > dispatch->table.first)
        commit_to(dispatch, committed);
}

static void on_progress(struct dispatch *dispatch, const struct message *message,
                        int64_t now_us)
{
    if (!dispatch->sink.begun || message->progress.epoch != dispatch->epoch)
        return;
    hold_ranges(dispatch, message->progress.held, message->progress.count);
    if (message->progress.released >= dispatch->released)
        move_on(dispatch, message->progress.released, message->progress.committed);
    dispatch->counts.bytes_written = message->progress.bytes;
    dispatch->counts.parked = message->progress.parked;
    failures_on_dead_letters(dispatch, message->progress.failed, now_us);
}

static void on_refused(struct dispatch *dispatch, const struct message *message,
                       int64_t now_us)
{
    if (dispatch->sink.begun && message->refused.epoch == dispatch->epoch)
        sessions_on_refused(dispatch, message, now_us);
}

/* ---- BEGIN ---- */

/* The sink holds what it lists, and nothing else: each other task is with a worker, or
 * is sent again. */
static void reconcile(struct dispatch *dispatch, const struct message *message)
{
    struct task_table *table = &dispatch->table;
    for (uint64_t seq = table->first; seq < table->cut; seq++) {
        struct task *task = task_table_find(table, seq);
        if (task->state != TASK_HELD)
            continue;
        if (task->failure)
            task->state = TASK_GIVEN_UP;
        else if (attempts_in_good_hands(task))
            task->state = TASK_ASSIGNED;
        else
            task_table_requeue(table, task);
    }
    dispatch->released = table->first;
    hold_ranges(dispatch, message->begin.held, message->begin.count);
    move_on(dispatch, message->begin.position, table->first);
    failures_skip_again(dispatch);
}

/* A run resumes only from the place that belongs to its position. False: the run ends,
 * as it cannot. */
static bool check_mark(struct dispatch *dispatch, const struct message *message,
                       int64_t now_us)
{
    uint64_t position = message->begin.position, seq = 0;
    char text[256];
    if (position == 0)
        return true;
    switch (mark_check(message->begin.mark, position - 1, &seq)) {
    case MARK_RIGHT:
        return true;
    case MARK_OF_ANOTHER:
        snprintf(text, sizeof text,
                 "cannot resume: the run stopped at chunk %" PRIu64
                 ", but the place in the input that the sink has is that of chunk "
                 "%" PRIu64 ": remove the output and its journal, and start anew",
                 position, seq + 1);
        break;
    case MARK_BROKEN:
        snprintf(text, sizeof text,
                 "cannot resume: the place in the input that the sink has at chunk "
                 "%" PRIu64 " is garbage, which no ventilator has written: remove the "
                 "output and its journal, and start anew",
                 position);
        break;
    }
    run_state_stop(&dispatch->run, OUTCOME_STOPPED, STATUS_IO, text, now_us);
    return false;
}

static void start(struct dispatch *dispatch, const struct message *message,
                  int64_t now_us)
{
    struct input_place *input = &dispatch->input;
    task_table_begin(&dispatch->table, message->begin.position);
    dispatch->released = dispatch->began_at = message->begin.position;
    dispatch->began_us = now_us;
    struct slice mark = mark_content(message->begin.mark);
    input->mark_size = (uint8_t)mark.size;
    if (input->mark_size)
        memcpy(input->mark, mark.data, input->mark_size);
    input->name_size = (uint8_t)message->begin.input.size;
    if (input->name_size)
        memcpy(input->name, message->begin.input.data, input->name_size);
    if (check_mark(dispatch, message, now_us))
        push_action(dispatch, DISPATCH_START, 0)->seq = message->begin.position;
}

/* A sink that stands further than at the beginning has another run's output, unless
 * --resume says that it is this one's. Then this ventilator is the wrong one: it
 * leaves, and sink and workers wait for the right one. */
static bool may_start(struct dispatch *dispatch, const struct message *message,
                      int64_t now_us)
{
    if (message->begin.position == 0 || dispatch->config.resume)
        return true;
    ending_leave(dispatch,
                 "the sink resumes an earlier run: start the ventilator with --resume, "
                 "on the same input",
                 now_us);
    return false;
}

/* A run that has begun can continue with this sink; if not, it ends. */
static bool can_continue(struct dispatch *dispatch, const struct message *message,
                         int64_t now_us)
{
    bool same = message->begin.epoch == dispatch->epoch &&
                id_equal(&message->begin.run, &dispatch->run_id);
    bool progress = dispatch->table.first > 0;
    if (message->begin.position < dispatch->table.first || (!same && progress)) {
        ending_give_up_run(
            dispatch, "the sink lost output that it had written: start the run again",
            now_us);
        return false;
    }
    if (message->begin.position > dispatch->table.cut) {
        ending_give_up_run(
            dispatch, "the sink is further than the input: it belongs to another run",
            now_us);
        return false;
    }
    return true;
}

static void on_begin(struct dispatch *dispatch, const struct message *message,
                     int64_t now_us)
{
    struct sink_link *sink = &dispatch->sink;
    if (!id_equal(&message->begin.uid, &dispatch->config.uid) ||
        run_state_is_over(&dispatch->run))
        return;
    bool first = !dispatch->epoch;
    if (first ? !may_start(dispatch, message, now_us)
              : !can_continue(dispatch, message, now_us))
        return;
    bool back = !first && !id_equal(&sink->said.incarnation, &sink->now.incarnation);
    run_state_on_begin(&dispatch->run);
    sink->begun = true;
    sink->now = sink->said;
    dispatch->run_id = message->begin.run;
    dispatch->epoch = message->begin.epoch;
    if (first)
        start(dispatch, message, now_us);
    else
        reconcile(dispatch, message);
    for (uint32_t i = 0; back && i < dispatch->pool.count; i++)
        push_action(dispatch, DISPATCH_WHO, dispatch->pool.sessions[i]->peer);
    admission_welcome(dispatch, now_us);
}

/* ---- FINISHED ---- */

static void on_finished(struct dispatch *dispatch, const struct message *message,
                        int64_t now_us)
{
    struct verdict *verdict = &dispatch->run.verdict;
    if (message->finished.outcome == OUTCOME_COMPLETE && is_too_early(dispatch)) {
        reject(dispatch, dispatch->sink.said.peer, REJECT_STATE);
        lose_sink(dispatch, now_us);
        return;
    }
    if (!run_state_is_stopped(&dispatch->run)) {
        verdict->outcome = message->finished.outcome;
        verdict->status = (int)message->finished.status;
        verdict->relayed = true;
        slice_copy_text(message->finished.text, verdict->text, sizeof verdict->text);
    }
    dispatch->counts.bytes_written = message->finished.bytes;
    ending_finish(dispatch, now_us);
    if (verdict->outcome == OUTCOME_COMPLETE)
        completions_on_all_held(&dispatch->completions);
}

/* Of another peer: the process that speaks for a sink whose loop waits. The sink's own
 * connection may have broken meanwhile, and it says no HELLO before it goes on. */
void on_sink_stalled(struct dispatch *dispatch, const struct message *message,
                     int64_t now_us)
{
    struct sink_link *sink = &dispatch->sink;
    if (id_equal(&sink->said.incarnation, &message->stalled.incarnation))
        sink_word_stalled(&sink->word, now_us);
}

void on_sink_message(struct dispatch *dispatch, const struct message *message,
                     int64_t now_us)
{
    sink_word_heard(&dispatch->sink.word, dispatch->config.liveness_us, now_us);
    switch ((int)message->type) {
    case MESSAGE_PING:
        push_action(dispatch, DISPATCH_PONG, dispatch->sink.said.peer);
        break;
    case MESSAGE_BEGIN:
        on_begin(dispatch, message, now_us);
        break;
    case MESSAGE_PROGRESS:
        on_progress(dispatch, message, now_us);
        break;
    case MESSAGE_FINISHED:
        on_finished(dispatch, message, now_us);
        break;
    case MESSAGE_REFUSED:
        on_refused(dispatch, message, now_us);
        break;
    case MESSAGE_GOODBYE:
        lose_sink(dispatch, now_us);
        break;
    default:
        break;
    }
}
