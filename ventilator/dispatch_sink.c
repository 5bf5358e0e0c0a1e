/* SPDX-License-Identifier: MIT */
/*
 * What the sink says: HELLO, BEGIN, PROGRESS, FINISHED. Rules 1, 2, 4, 5, 12 and 14 of
 * DESIGN.
 */
#include "ventilator/dispatch_state.h"

#include <string.h>

/* Whether a sink that has finished cannot be ours: nothing told it of an end. */
static bool too_early(const struct dispatch *dispatch)
{
    return dispatch->epoch && !dispatch->end_told && !dispatch->stopping &&
           !dispatch->over;
}

static void reject(struct dispatch *dispatch, uint32_t peer, enum reject reason)
{
    dispatch_act(dispatch, DISPATCH_REJECT, peer)->reason = reason;
}

/* ---- HELLO ---- */

/* The run is over. A sink that was silent while it was stopped hears how it ended. */
static void dismiss(struct dispatch *dispatch, uint32_t peer)
{
    if (dispatch->stopping && dispatch->epoch)
        dispatch_act(dispatch, DISPATCH_END, peer)->seq = dispatch->book.cut;
    dispatch_act(dispatch, DISPATCH_GOODBYE, peer);
}

static void accept(struct dispatch *dispatch, const struct sink_hello *hello,
                   int64_t now_us)
{
    struct sink_link *sink = &dispatch->sink;
    sink->said = *hello;
    sink->here = true;
    sink->begun = sink->contested = false;
    sink->heard_us = now_us;
    dispatch_act(dispatch, DISPATCH_WELCOME_SINK, hello->peer);
    if (dispatch->over)
        dismiss(dispatch, hello->peer);
}

/* There is a sink: this one waits until that is known to be gone. */
static void contest(struct dispatch *dispatch, const struct sink_hello *hello,
                    int64_t now_us)
{
    struct sink_link *sink = &dispatch->sink;
    if (!sink->contested ||
        !id_equal(&sink->contender.incarnation, &hello->incarnation))
        sink->contested_us = now_us;
    sink->contested = true;
    sink->contender = *hello;
    dispatch_act(dispatch, DISPATCH_PONG, sink->said.peer); /* EHOSTUNREACH tells */
}

/* Of two connections of one sink the older one's may be heard last; what it says after
 * its HELLO is of the past, too. */
static bool is_older(const struct sink_hello *hello, const struct sink_hello *than)
{
    return id_equal(&hello->incarnation, &than->incarnation) &&
           hello->nonce < than->nonce;
}

void dispatch_hello_sink(struct dispatch *dispatch, uint32_t peer,
                         const struct message *message, int64_t now_us)
{
    const struct sink_link *sink = &dispatch->sink;
    struct sink_hello hello = {
        .peer = peer,
        .incarnation = message->hello_sink.incarnation,
        .nonce = message->hello_sink.nonce,
        .max_result = message->hello_sink.max_result,
        .finished = message->hello_sink.finished,
    };
    slice_copy_text(message->hello_sink.endpoint, hello.endpoint,
                    sizeof hello.endpoint);
    if (is_older(&hello, &sink->said) || is_older(&hello, &sink->contender))
        return;
    if (hello.finished && too_early(dispatch))
        reject(dispatch, peer, REJECT_STATE);
    else if (sink->here && !dispatch->over &&
             !id_equal(&hello.incarnation, &sink->said.incarnation))
        contest(dispatch, &hello, now_us);
    else
        accept(dispatch, &hello, now_us);
}

void dispatch_sink_gone(struct dispatch *dispatch, int64_t now_us)
{
    struct sink_link *sink = &dispatch->sink;
    sink->here = sink->begun = false;
    if (!sink->contested)
        return;
    struct sink_hello contender = sink->contender;
    accept(dispatch, &contender, now_us);
}

void dispatch_mind_contender(struct dispatch *dispatch, int64_t now_us)
{
    enum { TALKS_HEARTBEATS = 4 };
    struct sink_link *sink = &dispatch->sink;
    int64_t liveness_us = dispatch->config.liveness_us;
    int64_t heartbeat_us = (int64_t)dispatch_heartbeat_ms(dispatch) * 1000;
    int64_t silent_us = now_us - sink->heard_us;
    if (!sink->contested)
        return;
    if (silent_us > liveness_us) {
        dispatch_sink_gone(dispatch, now_us);
    } else if (now_us - sink->contested_us > liveness_us &&
               silent_us <= TALKS_HEARTBEATS * heartbeat_us) {
        sink->contested = false;
        reject(dispatch, sink->contender.peer, REJECT_TAKEN);
    }
}

/* ---- PROGRESS ---- */

/* The sink has it: nobody else needs to. */
static void hold(struct dispatch *dispatch, uint64_t seq)
{
    struct task *task = book_find(&dispatch->book, seq);
    if (!task)
        return;
    task->state = TASK_HELD;
    dispatch_note_held(dispatch, seq, task);
    struct attempt *attempt;
    while ((attempt = LIST_FIRST(&task->open)))
        dispatch_forget(dispatch, attempt);
}

static void hold_ranges(struct dispatch *dispatch, const struct range *ranges,
                        uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t first = ranges[i].first, end = first + ranges[i].count;
        if (first < dispatch->book.first)
            first = dispatch->book.first;
        if (end > dispatch->book.cut)
            end = dispatch->book.cut;
        for (uint64_t seq = first; seq < end; seq++)
            hold(dispatch, seq);
    }
}

static void commit_to(struct dispatch *dispatch, uint64_t committed)
{
    while (dispatch->book.first < committed) {
        uint64_t seq = dispatch->book.first;
        const struct task *task = book_find(&dispatch->book, seq);
        if (dispatch->config.keeps_bytes)
            dispatch->bytes -= task->length;
        dispatch_note_committed(dispatch, seq, task);
        book_remove_first(&dispatch->book);
        dispatch_act(dispatch, DISPATCH_DISCARD, 0)->seq = seq;
    }
}

/* A sink that claims more than was cut is not ours; what it says is ignored. */
static void move_on(struct dispatch *dispatch, uint64_t released, uint64_t committed)
{
    if (released > dispatch->book.cut || committed > released)
        return;
    uint64_t from = dispatch->released > dispatch->book.first ? dispatch->released
                                                              : dispatch->book.first;
    for (uint64_t seq = from; seq < released; seq++)
        hold(dispatch, seq);
    dispatch->released = released;
    if (committed > dispatch->book.first)
        commit_to(dispatch, committed);
}

/* What an earlier run left is not held against this one. */
static void on_failed_tasks(struct dispatch *dispatch, uint64_t failed, int64_t now_us)
{
    if (!dispatch->failed_known)
        dispatch->failed_before = failed;
    dispatch->failed_known = true;
    dispatch->counts.dead =
        failed > dispatch->failed_before ? failed - dispatch->failed_before : 0;
    dispatch_mind_halt(dispatch, now_us);
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
    on_failed_tasks(dispatch, message->progress.failed, now_us);
}

/* ---- BEGIN ---- */

/* What the sink holds is all that it lists: the rest is with a worker, or to be sent
 * again. */
static void believe(struct dispatch *dispatch, const struct message *message)
{
    struct book *book = &dispatch->book;
    for (uint64_t seq = book->first; seq < book->cut; seq++) {
        struct task *task = book_find(book, seq);
        if (task->state != TASK_HELD)
            continue;
        if (task->failure)
            task->state = TASK_GIVEN_UP;
        else if (dispatch_in_good_hands(task))
            task->state = TASK_OUT;
        else
            book_requeue(book, seq);
    }
    dispatch->released = book->first;
    hold_ranges(dispatch, message->begin.held, message->begin.count);
    move_on(dispatch, message->begin.position, book->first);
    dispatch_skip_again(dispatch);
}

static void start(struct dispatch *dispatch, const struct message *message)
{
    book_begin(&dispatch->book, message->begin.position);
    dispatch->released = dispatch->began_at = message->begin.position;
    dispatch->mark_size = (uint8_t)message->begin.mark.size;
    if (dispatch->mark_size)
        memcpy(dispatch->mark, message->begin.mark.data, dispatch->mark_size);
    dispatch->input_size = (uint8_t)message->begin.input.size;
    if (dispatch->input_size)
        memcpy(dispatch->input, message->begin.input.data, dispatch->input_size);
    dispatch_act(dispatch, DISPATCH_START, 0)->seq = message->begin.position;
}

/* A sink that stands further than at the beginning has another run's output, unless
 * the person says that it is this one's. Then it is this ventilator that is wrong: it
 * leaves, and sink and workers wait for the right one. */
static bool may_start(struct dispatch *dispatch, const struct message *message,
                      int64_t now_us)
{
    if (message->begin.position == 0 || dispatch->config.resume)
        return true;
    dispatch_leave(dispatch,
                   "the sink goes on with a run that was begun before: start the "
                   "ventilator with --resume, on the same input",
                   now_us);
    return false;
}

/* Whether a run that has begun can go on with this sink; if not, it ends. */
static bool can_go_on(struct dispatch *dispatch, const struct message *message,
                      int64_t now_us)
{
    bool same = message->begin.epoch == dispatch->epoch &&
                id_equal(&message->begin.run, &dispatch->run);
    bool progress = dispatch->book.first > 0;
    if (message->begin.position < dispatch->book.first || (!same && progress)) {
        dispatch_give_up_run(
            dispatch,
            "the sink came back without what it had written: start the run again",
            now_us);
        return false;
    }
    if (message->begin.position > dispatch->book.cut) {
        dispatch_give_up_run(
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
    if (!id_equal(&message->begin.uid, &dispatch->config.uid) || dispatch->over)
        return;
    bool first = !dispatch->epoch;
    if (first ? !may_start(dispatch, message, now_us)
              : !can_go_on(dispatch, message, now_us))
        return;
    bool back = !first && !id_equal(&sink->said.incarnation, &sink->now.incarnation);
    sink->begun = true;
    sink->end_sent = false;
    sink->now = sink->said;
    dispatch->run = message->begin.run;
    dispatch->epoch = message->begin.epoch;
    if (first)
        start(dispatch, message);
    else
        believe(dispatch, message);
    for (uint32_t i = 0; back && i < dispatch->crew.count; i++)
        dispatch_act(dispatch, DISPATCH_WHO, dispatch->crew.sessions[i]->peer);
    dispatch_welcome_held(dispatch, now_us);
}

/* ---- FINISHED ---- */

static void on_finished(struct dispatch *dispatch, const struct message *message,
                        int64_t now_us)
{
    struct verdict *verdict = &dispatch->verdict;
    if (message->finished.outcome == OUTCOME_COMPLETE && too_early(dispatch)) {
        reject(dispatch, dispatch->sink.said.peer, REJECT_STATE);
        dispatch_sink_gone(dispatch, now_us);
        return;
    }
    if (!dispatch->stopping && !dispatch->over) {
        verdict->outcome = message->finished.outcome;
        verdict->status = (int)message->finished.status;
        verdict->relayed = true;
        slice_copy_text(message->finished.text, verdict->text, sizeof verdict->text);
    }
    dispatch->counts.bytes_written = message->finished.bytes;
    dispatch_finish(dispatch, now_us);
    dispatch_note_finished(dispatch);
}

void dispatch_on_sink_message(struct dispatch *dispatch, const struct message *message,
                              int64_t now_us)
{
    dispatch->sink.heard_us = now_us;
    switch ((int)message->type) {
    case MESSAGE_PING:
        dispatch_act(dispatch, DISPATCH_PONG, dispatch->sink.said.peer);
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
    case MESSAGE_GOODBYE:
        dispatch_sink_gone(dispatch, now_us);
        break;
    default:
        break;
    }
}
