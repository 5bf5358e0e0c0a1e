/* SPDX-License-Identifier: MIT */
/*
 * The loop of the sink. Results come in by the intake, go as parcels through the
 * session, which puts them in sequence, and out by the output; over their share of
 * memory they wait in the store's file. Nothing here decides what may be written or
 * when the run is over: that is the session's.
 *
 * The intake is always read, however slow the output: the result that fills the gap may
 * be behind any other, and the window bounds them all.
 */
#include "sink/sink.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/signals.h"
#include "common/transport.h"
#include "sink/report.h"
#include "sink/sink_state.h"
#include "sink/unpack.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RESULTS_MAX = 256,           /* messages an iteration */
    RESULT_BYTES_MAX = 16 << 20, /* an iteration, at which it stops */
    ANSWERS_MAX = 64,            /* messages from the ventilator an iteration */
    ROUNDS_MAX = 4,              /* of settling an iteration */
};

static const int64_t hint_after_us = SECOND_US;

/* ---- what the session wants done ---- */

static void connect_uplink(struct sink *sink)
{
    int result = uplink_connect(sink->parts.uplink);

    if (result == 0)
        return;
    say("cannot connect to %s: %s", uplink_endpoint(sink->parts.uplink),
        zmq_strerror(-result));
    sink_leave(sink, result == -EINVAL ? STATUS_USAGE : STATUS_PEER);
}

static void say_hello(struct sink *sink, uint64_t nonce)
{
    const struct report_hello hello = {
        .incarnation = sink->incarnation,
        .nonce = nonce,
        .endpoint = intake_endpoint(sink->parts.intake),
        .max_result_bytes = sink->options->max_result_bytes,
        .finished = sink_session_finished(sink->session),
    };

    report_hello(sink->parts.uplink, &hello);
}

static void say_begin(struct sink *sink, const struct id *uid)
{
    struct position position = sink_session_position(sink->session);
    uint32_t count;
    const struct range *held = sink_session_held(sink->session, &count);

    report_begin(sink->parts.uplink, uid, &position, held, count);
}

static void say_progress(struct sink *sink)
{
    struct sink_progress progress = sink_session_progress(sink->session);

    report_progress(sink->parts.uplink, &progress, sink->output_bytes);
}

static void say_finished(struct sink *sink)
{
    struct position position = sink_session_position(sink->session);
    struct sink_verdict verdict = sink_end_output(sink);

    report_finished(sink->parts.uplink, &position, &verdict, sink->output_bytes);
}

static void act(struct sink *sink, const struct sink_action *action, int64_t now_us)
{
    switch (action->kind) {
    case SINK_CONNECT:
        connect_uplink(sink);
        return;
    case SINK_HELLO:
        say_hello(sink, action->nonce);
        return;
    case SINK_BEGIN:
        say_begin(sink, &action->uid);
        return;
    case SINK_PING:
        report_ping(sink->parts.uplink);
        return;
    case SINK_PROGRESS:
        say_progress(sink);
        return;
    case SINK_WRITE:
        sink_write_parcel(sink, action->cargo, now_us);
        return;
    case SINK_DROP:
        parcel_drop(action->cargo);
        return;
    case SINK_COMMIT:
        sink_commit(sink, action->ticket, now_us);
        return;
    case SINK_FINISHED:
        say_finished(sink);
        return;
    case SINK_LEAVE:
        sink_leave_with_verdict(sink);
        return;
    }
}

/* Everything that follows from the events so far; returns the next deadline. What is
 * written stirs the session again: a slow writer gets no more than a few rounds before
 * the sockets are looked at. */
static int64_t settle(struct sink *sink, int64_t now_us)
{
    int64_t deadline_us = now_us;
    struct sink_action action;

    for (int i = 0; i < ROUNDS_MAX && !sink->over; i++) {
        sink->stirred = false;
        deadline_us = sink_session_tick(sink->session, now_us);
        while (!sink->over && sink_session_next(sink->session, &action))
            act(sink, &action, now_us);
        sink_write_output(sink, now_us);
        sink_relieve_memory(sink, now_us);
        if (!sink->stirred)
            return deadline_us;
    }
    return now_us;
}

/* ---- what comes in ---- */

static void take_results(struct sink *sink, const struct message *message,
                         zmq_msg_t *payload)
{
    size_t offset = 0;

    for (uint32_t i = 0; i < message->result.count; i++) {
        const struct result_entry *entry = &message->result.entries[i];
        struct parcel *parcel =
            unpack_result(sink->parts.store, entry, payload, &offset);

        if (!sink_session_on_result(sink->session, &message->result.run,
                                    message->result.epoch, entry, parcel))
            parcel_destroy(&parcel);
    }
}

static void receive_results(struct sink *sink)
{
    struct message message;
    zmq_msg_t *payload;
    size_t bytes = 0;

    for (int i = 0; i < RESULTS_MAX && bytes < RESULT_BYTES_MAX; i++) {
        if (!intake_receive(sink->parts.intake, &message, &payload))
            return;
        bytes += zmq_msg_size(payload);
        take_results(sink, &message, payload);
    }
}

static void take_skip(struct sink *sink, const struct message *message, int64_t now_us)
{
    struct parcel *parcel =
        unpack_skip(sink->parts.store, message, uplink_payload(sink->parts.uplink));

    if (!sink_session_on_skip(sink->session, message, parcel, now_us))
        parcel_destroy(&parcel);
}

static void receive_answers(struct sink *sink, int64_t now_us)
{
    struct message message;

    for (int i = 0; i < ANSWERS_MAX && uplink_receive(sink->parts.uplink, &message);
         i++) {
        if (message.type == MESSAGE_WELCOME)
            sink_take_format(sink, &message);
        if (message.type == MESSAGE_END)
            sink_take_header(sink, &message, now_us);
        if (message.type == MESSAGE_SKIP)
            take_skip(sink, &message, now_us);
        else
            sink_session_on_message(sink->session, &message, now_us);
    }
}

/* The first asks for an orderly end, the second does not wait for it. */
static void receive_signals(struct sink *sink, int64_t now_us)
{
    char text[64];
    int number;

    while (!sink->over && (number = signals_next(sink->parts.signals)) > 0) {
        sink->signalled = number;
        if (sink->failed) {
            sink_leave(sink, STATUS_SIGNAL + number);
            return;
        }
        snprintf(text, sizeof text, "stopped by SIG%s", sigabbrev_np(number));
        sink->output_ended = true;
        sink_fail(sink, STATUS_SIGNAL + number, text, now_us);
    }
}

/* ---- the loop ---- */

enum { ITEM_SIGNALS, ITEM_INTAKE, ITEM_UPLINK, ITEM_OUTPUT, ITEM_COMMITS, ITEMS };

static void fill_items(const struct sink *sink, zmq_pollitem_t *items)
{
    zsock_t *dealer = uplink_socket(sink->parts.uplink);

    memset(items, 0, ITEMS * sizeof *items);
    for (int i = 0; i < ITEMS; i++)
        items[i].fd = -1;
    items[ITEM_SIGNALS].fd = sink->parts.signals;
    items[ITEM_SIGNALS].events = ZMQ_POLLIN;
    items[ITEM_INTAKE].socket = zsock_resolve(intake_socket(sink->parts.intake));
    items[ITEM_INTAKE].events = ZMQ_POLLIN;
    if (dealer != NULL) {
        items[ITEM_UPLINK].socket = zsock_resolve(dealer);
        items[ITEM_UPLINK].events = ZMQ_POLLIN;
    }
    if (!sink->output_ended) {
        /* Without events too: that its reader went away is told unasked. */
        items[ITEM_OUTPUT].fd = output_descriptor(sink->parts.output);
        items[ITEM_OUTPUT].events = output_queued(sink->parts.output) > 0 ? ZMQ_POLLOUT
                                                                          : 0;
    }
    if (sink->parts.committer != NULL && !sink->journal_ended) {
        items[ITEM_COMMITS].fd = committer_descriptor(sink->parts.committer);
        items[ITEM_COMMITS].events = ZMQ_POLLIN;
    }
}

static int poll_timeout_ms(const struct sink *sink, int64_t now_us, int64_t deadline_us)
{
    int64_t nearest_us = deadline_us < sink->hint_at_us ? deadline_us
                                                        : sink->hint_at_us;

    return clock_poll_ms(now_us, nearest_us, 60000);
}

static void hint(struct sink *sink, int64_t now_us)
{
    if (now_us < sink->hint_at_us)
        return;
    sink->hint_at_us = NEVER_US;
    if (!sink_session_welcomed(sink->session))
        say("waiting for a ventilator at %s", uplink_endpoint(sink->parts.uplink));
}

static int loop(struct sink *sink)
{
    zmq_pollitem_t items[ITEMS];

    while (!sink->over) {
        int64_t now_us = clock_now_us();
        int64_t deadline_us = settle(sink, now_us);

        if (sink->over)
            break;
        hint(sink, now_us);
        fill_items(sink, items);
        zmq_poll(items, ITEMS, poll_timeout_ms(sink, now_us, deadline_us));
        now_us = clock_now_us();
        receive_signals(sink, now_us);
        if (items[ITEM_OUTPUT].revents & ZMQ_POLLERR)
            sink_check_output(sink, now_us);
        sink_receive_commits(sink, now_us);
        receive_answers(sink, now_us);
        receive_results(sink);
    }
    return sink->status;
}

/* ---- the beginning and the end ---- */

static void open_session(struct sink *sink)
{
    const struct common_options *common = &sink->options->common;
    struct sink_session_config config = {
        .position = sink->parts.outset.start.position,
        .ordered = !sink->options->unordered,
        .journal = sink->parts.outset.journal != NULL,
        .liveness_us = common->liveness_us,
        .patience_us = common->patience_us,
    };
    int64_t now_us = clock_now_us();

    sink->incarnation = id_random();
    sink->letters = sink->letters_ordered = config.position.dead_letters;
    sink->safe_next = config.position.next;
    sink->safe_offset = sink->parts.outset.start.offset;
    sink->output_bytes = output_bytes(sink->parts.output);
    sink->heading.there = sink->safe_offset > 0;
    sink->session = sink_session_new(&config, now_us);
    sink->hint_at_us = common->quiet || common->supervised ? NEVER_US
                                                           : now_us + hint_after_us;
}

static void log_end(const struct sink *sink)
{
    log_event(LOG_LEVEL_INFO, "end",
              "status=%d bytes=%llu parked=%llu spilled=%llu garbage=%llu",
              sink->status, (unsigned long long)sink->output_bytes,
              (unsigned long long)sink_session_parked_ever(sink->session),
              (unsigned long long)store_spilled_bytes(sink->parts.store),
              (unsigned long long)intake_garbage(sink->parts.intake));
}

int sink_run(const struct sink_options *options)
{
    struct sink sink = {
        .options = options, .hint_at_us = NEVER_US, .format = RECORD_FORMAT_DEFAULT};

    sink.status = parts_open(&sink.parts, options);
    if (sink.status == STATUS_OK) {
        open_session(&sink);
        loop(&sink);
        log_end(&sink);
        if (sink.status != STATUS_OK)
            sink_abandon_output(&sink);
        sink_end_journal(&sink);
    }
    sink_session_destroy(&sink.session, parcel_drop);
    parts_close(&sink.parts);
    free(sink.header);
    /* The launcher says who it was that was terminated. */
    if (options->common.supervised && sink.signalled &&
        sink.status == STATUS_SIGNAL + sink.signalled)
        signals_end_by(sink.signalled);
    return sink.status;
}
