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
#include "sink/parts.h"
#include "sink/report.h"
#include "sink/session.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum {
    RESULTS_MAX = 256,           /* messages an iteration */
    RESULT_BYTES_MAX = 16 << 20, /* an iteration, at which it stops */
    ANSWERS_MAX = 64,            /* messages from the ventilator an iteration */
    ROUNDS_MAX = 4,              /* of settling an iteration */
    ERROR_MAX = 1024,
};

static const uint64_t share_default_bytes = UINT64_C(128) << 20;
static const int64_t hint_after_us = SECOND_US;

struct sink {
    const struct sink_options *options;
    struct parts parts;
    struct sink_session *session;
    struct id incarnation;
    uint64_t output_bytes;    /* kept when the output is closed */
    bool output_ended;        /* closed or failed: nothing more is written */
    bool failed;              /* sink_session_fail was called */
    int signalled;            /* the last signal that came; 0: none */
    bool stirred;             /* the session heard something since its last tick */
    int64_t hint_at_us;       /* NEVER_US: said, or not wanted */
    struct sink_verdict late; /* what close said, when the session was done; status 0:
                                 nothing */
    bool over;
    int status; /* valid when over */
};

/* ---- giving up ---- */

static void leave(struct sink *sink, int status)
{
    sink->over = true;
    sink->status = status;
}

static void fail(struct sink *sink, int status, const char *text, int64_t now_us)
{
    enum outcome outcome = status > STATUS_SIGNAL && status != STATUS_OUTPUT_CLOSED
                               ? OUTCOME_INTERRUPTED
                               : OUTCOME_STOPPED;

    sink->failed = true;
    sink->stirred = true;
    sink_session_fail(sink->session, outcome, status, text, now_us);
}

static void fail_output(struct sink *sink, int error, int64_t now_us)
{
    char text[ERROR_MAX];

    sink->output_ended = true;
    if (error == -EPIPE || error == -ECONNRESET) {
        fail(sink, STATUS_OUTPUT_CLOSED, "", now_us);
        return;
    }
    snprintf(text, sizeof text, "cannot write %s: %s", output_name(sink->parts.output),
             strerror(-error));
    fail(sink, STATUS_IO, text, now_us);
}

/* ---- results out ---- */

static void tell_written(struct sink *sink, int64_t now_us)
{
    bool some = false;
    uint64_t seq;

    while (output_take_written(sink->parts.output, &seq))
        some = true;
    if (!some)
        return;
    sink->stirred = true;
    sink_session_on_written(sink->session, seq, now_us);
}

static uint64_t share_bytes(const struct sink *sink)
{
    uint64_t said = sink_session_buffer(sink->session);

    return said > 0 ? said : share_default_bytes;
}

static bool over_share(const struct sink *sink)
{
    return store_memory_bytes(sink->parts.store) > share_bytes(sink);
}

/* Over the share it goes on as long as the output takes what it is given: rather there
 * than into the spill file. */
static void write_output(struct sink *sink, int64_t now_us)
{
    int result;

    if (sink->output_ended)
        return;
    do {
        result = output_write(sink->parts.output);
        sink->output_bytes = output_bytes(sink->parts.output);
        tell_written(sink, now_us);
    } while (result == 0 && output_queued(sink->parts.output) > 0 &&
             !output_waits(sink->parts.output) && over_share(sink));
    if (result < 0)
        fail_output(sink, result, now_us);
}

/* What is needed last goes first: parked results, then those that the output does not
 * take. The latter make room for more than is asked, as each call goes over them all.
 */
static int spill(struct sink *sink)
{
    int result = 0;

    while (result == 0 && over_share(sink)) {
        struct parcel *parcel =
            sink_session_last_parked(sink->session, parcel_spillable);

        if (parcel == NULL)
            return output_spill(sink->parts.output, sink->parts.store,
                                share_bytes(sink) / 4 * 3);
        result = parcel_spill(parcel);
    }
    return result;
}

static void relieve_memory(struct sink *sink, int64_t now_us)
{
    char text[ERROR_MAX];
    int result;

    if (sink->output_ended || !over_share(sink))
        return;
    result = spill(sink);
    if (result == 0)
        return;
    snprintf(text, sizeof text, "cannot keep waiting results in %s: %s",
             store_directory(sink->parts.store), strerror(-result));
    sink->output_ended = true;
    fail(sink, STATUS_IO, text, now_us);
}

/* ---- what the session wants done ---- */

static void connect_uplink(struct sink *sink)
{
    int result = uplink_connect(sink->parts.uplink);

    if (result == 0)
        return;
    say("cannot connect to %s: %s", uplink_endpoint(sink->parts.uplink),
        zmq_strerror(-result));
    leave(sink, result == -EINVAL ? STATUS_USAGE : STATUS_PEER);
}

static void say_hello(struct sink *sink)
{
    const struct report_hello hello = {
        .incarnation = sink->incarnation,
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

/* The last word of the kernel on what was written comes with close, when the session
 * takes all for done. A complete output without a byte is an empty file. */
static void end_output(struct sink *sink)
{
    char name[PATH_MAX];
    int result = 0, closed;

    if (sink->parts.output == NULL)
        return;
    snprintf(name, sizeof name, "%s", output_name(sink->parts.output));
    if (sink_session_finished(sink->session))
        result = output_clear(sink->parts.output);
    else
        output_discard(sink->parts.output);
    closed = output_close(&sink->parts.output);
    result = result < 0 ? result : closed;
    sink->output_ended = true;
    if (result == 0)
        return;
    sink->late = (struct sink_verdict){OUTCOME_STOPPED, STATUS_IO, false, ""};
    snprintf(sink->late.text, sizeof sink->late.text, "cannot write %.300s: %s", name,
             strerror(-result));
}

static struct sink_verdict verdict_of(const struct sink *sink)
{
    struct sink_verdict verdict = sink_session_verdict(sink->session);

    return verdict.status == STATUS_OK ? sink->late : verdict;
}

static void say_finished(struct sink *sink)
{
    struct position position = sink_session_position(sink->session);
    struct sink_verdict verdict;

    end_output(sink);
    verdict = verdict_of(sink);
    report_finished(sink->parts.uplink, &position, &verdict, sink->output_bytes);
}

static void write_parcel(struct sink *sink, struct parcel *parcel)
{
    if (sink->output_ended)
        parcel_destroy(&parcel);
    else
        output_push(sink->parts.output, parcel);
}

/* The place of the journal: the position becomes durable here. Without one, what is
 * written is committed. */
static void commit(struct sink *sink, uint64_t ticket, int64_t now_us)
{
    sink_session_on_committed(sink->session, ticket, now_us);
}

/* Under a launcher, which knows of its own signals, whoever ended the run has said why.
 */
static bool said_elsewhere(const struct sink *sink, const struct sink_verdict *verdict)
{
    return sink->options->common.supervised &&
           (verdict->relayed || verdict->outcome == OUTCOME_INTERRUPTED);
}

static void leave_with_verdict(struct sink *sink)
{
    struct sink_verdict verdict;

    end_output(sink);
    verdict = verdict_of(sink);
    if (said_elsewhere(sink, &verdict))
        log_event(LOG_LEVEL_INFO, "relayed", "status=%d", verdict.status);
    else if (verdict.text[0] != '\0')
        say("%s", verdict.text);
    leave(sink, verdict.status);
}

static void act(struct sink *sink, const struct sink_action *action, int64_t now_us)
{
    switch (action->kind) {
    case SINK_CONNECT:
        connect_uplink(sink);
        return;
    case SINK_HELLO:
        say_hello(sink);
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
        write_parcel(sink, action->cargo);
        return;
    case SINK_DROP:
        parcel_drop(action->cargo);
        return;
    case SINK_COMMIT:
        commit(sink, action->ticket, now_us);
        return;
    case SINK_FINISHED:
        say_finished(sink);
        return;
    case SINK_LEAVE:
        leave_with_verdict(sink);
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
        write_output(sink, now_us);
        relieve_memory(sink, now_us);
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
            parcel_new(sink->parts.store, entry->seq, payload, offset, entry->length);

        offset += entry->length;
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

static void receive_answers(struct sink *sink, int64_t now_us)
{
    struct message message;

    for (int i = 0; i < ANSWERS_MAX && uplink_receive(sink->parts.uplink, &message);
         i++) {
        if (message.type == MESSAGE_SKIP) /* dead letters are not written yet */
            log_event(LOG_LEVEL_WARN, "skip_ignored", "seq=%llu",
                      (unsigned long long)message.skip.seq);
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
            leave(sink, STATUS_SIGNAL + number);
            return;
        }
        snprintf(text, sizeof text, "stopped by SIG%s", sigabbrev_np(number));
        sink->output_ended = true;
        fail(sink, STATUS_SIGNAL + number, text, now_us);
    }
}

/* ---- the loop ---- */

enum { ITEM_SIGNALS, ITEM_INTAKE, ITEM_UPLINK, ITEM_OUTPUT, ITEMS };

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

static void check_output(struct sink *sink, const zmq_pollitem_t *item, int64_t now_us)
{
    int result;

    if (sink->output_ended || (item->revents & ZMQ_POLLERR) == 0)
        return;
    result = output_check(sink->parts.output);
    if (result < 0)
        fail_output(sink, result, now_us);
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
        check_output(sink, &items[ITEM_OUTPUT], now_us);
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
        .position = {.run = id_random()},
        .ordered = !sink->options->unordered,
        .liveness_us = common->liveness_us,
        .patience_us = common->patience_us,
    };
    int64_t now_us = clock_now_us();

    sink->incarnation = id_random();
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
    struct sink sink = {.options = options, .hint_at_us = NEVER_US};

    sink.status = parts_open(&sink.parts, options);
    if (sink.status == STATUS_OK) {
        open_session(&sink);
        loop(&sink);
        log_end(&sink);
        if (sink.status != STATUS_OK)
            output_discard(sink.parts.output);
    }
    sink_session_destroy(&sink.session, parcel_drop);
    parts_close(&sink.parts);
    /* The launcher says who it was that was terminated. */
    if (options->common.supervised && sink.signalled &&
        sink.status == STATUS_SIGNAL + sink.signalled)
        signals_end_by(sink.signalled);
    return sink.status;
}
