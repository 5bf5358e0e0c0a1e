/* SPDX-License-Identifier: MIT */
/*
 * The loop of the sink. Results come in by the intake, go through the session, which
 * puts them in sequence, and out to the run's files; over their share of memory they
 * wait in the spill file. The session decides what may be written and when the run is
 * over; nothing here does.
 *
 * The intake is always read, however slow the output: the result that fills the gap may
 * be behind any other, and the window bounds them all.
 */
#include "sink/sink.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/process/signals.h"
#include "common/random_id.h"
#include "sink/outbox.h"
#include "sink/result/result_decode.h"
#include "sink/run_files.h"
#include "sink/service_report.h"
#include "sink/waiting_hint.h"
#include <stdio.h>
#include <string.h>

enum {
    RESULTS_MAX = 256,           /* messages an iteration */
    RESULT_BYTES_MAX = 16 << 20, /* an iteration, at which it stops */
    ANSWERS_MAX = 64,            /* messages from the ventilator an iteration */
    ROUNDS_MAX = 4,              /* of settling an iteration */
    LOOK_MS = 60000,             /* it sleeps no longer */
};

struct sink {
    uint64_t refused; /* results */
    const struct sink_options *options;
    struct resources resources;
    struct sink_session *session;
    struct run_files *files;
    struct id incarnation;
    const char *phase; /* of the session, as it was logged last */
    struct waiting_hint hint;
    struct service_manager manager;
    int signalled; /* the last signal that came; 0: none */
    bool over;
    int status; /* valid when over */
};

static void leave(struct sink *sink, int status)
{
    sink->over = true;
    sink->status = status;
}

/* ---- what the session wants done ---- */

static void connect_uplink(struct sink *sink)
{
    int error = uplink_connect(sink->resources.uplink);
    if (error == 0)
        return;
    say("cannot connect to %s: %s", uplink_endpoint(sink->resources.uplink),
        zmq_strerror(-error));
    leave(sink, error == -EINVAL ? STATUS_USAGE : STATUS_PEER);
}

static void say_hello(struct sink *sink, uint64_t nonce)
{
    const struct outbox_hello hello = {
        .incarnation = sink->incarnation,
        .nonce = nonce,
        .endpoints = intake_endpoints(sink->resources.intake),
        .max_result_bytes = sink->options->max_result_bytes,
        .takes_parts = sink->options->out.parts,
        .finished = sink_session_finished(sink->session),
    };
    outbox_hello(sink->resources.uplink, &hello);
}

static void say_begin(struct sink *sink, const struct id *uid)
{
    struct position position = sink_session_position(sink->session);
    uint32_t count;
    const struct range *held = sink_session_held(sink->session, &count);
    outbox_begin(sink->resources.uplink, uid, &position, held, count);
}

/* A worker that is wrong once is mostly wrong each time: the first few are enough. */
static void refuse(struct sink *sink)
{
    enum { SAID_MAX = 3 };
    struct sink_refusal refusal = sink_session_refusal(sink->session);
    uint64_t epoch = sink_session_position(sink->session).epoch;
    outbox_refused(sink->resources.uplink, epoch, &refusal);
    log_event(LOG_LEVEL_DEBUG, "refused", "seq=%llu why=\"%s\"",
              (unsigned long long)refusal.seq, refusal.text);
    if (sink->refused++ < SAID_MAX && !sink->options->common.supervised)
        say("warning: refused a result: %s", refusal.text);
}

static void say_progress(struct sink *sink)
{
    struct sink_progress progress = sink_session_progress(sink->session);
    outbox_progress(sink->resources.uplink, &progress,
                    run_files_output_bytes(sink->files));
}

static void say_finished(struct sink *sink)
{
    struct position position = sink_session_position(sink->session);
    struct sink_verdict verdict = run_files_end_output(sink->files);
    outbox_finished(sink->resources.uplink, &position, &verdict,
                    run_files_output_bytes(sink->files));
}

/* Why the ventilator is not there is known to the link alone. */
static void add_trouble(const struct sink *sink, struct sink_verdict *verdict)
{
    const struct uplink *uplink = sink->resources.uplink;
    char trouble[512], text[2048];
    if (!*verdict->text || verdict->status != STATUS_PEER ||
        !uplink_trouble(uplink, trouble, sizeof trouble))
        return;
    snprintf(text, sizeof text, "%s at %s: %s", verdict->text, uplink_endpoint(uplink),
             trouble);
    snprintf(verdict->text, sizeof verdict->text, "%.*s", (int)sizeof verdict->text - 1,
             text);
}

static void report_and_leave(struct sink *sink)
{
    struct sink_verdict verdict = run_files_end_output(sink->files);
    add_trouble(sink, &verdict);
    run_files_report(sink->files, &verdict);
    leave(sink, verdict.status);
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
        outbox_ping(sink->resources.uplink);
        return;
    case SINK_PROGRESS:
        say_progress(sink);
        return;
    case SINK_REFUSE:
        refuse(sink);
        return;
    case SINK_WRITE:
        run_files_write_result(sink->files, action->cargo, now_us);
        return;
    case SINK_DROP:
        result_drop(action->cargo);
        return;
    case SINK_COMMIT:
        run_files_commit(sink->files, action->ticket, now_us);
        return;
    case SINK_FINISHED:
        say_finished(sink);
        return;
    case SINK_LEAVE:
        report_and_leave(sink);
        return;
    }
}

static void log_phase(struct sink *sink)
{
    const char *phase = sink_session_phase_name(sink->session);
    if (phase != sink->phase)
        log_event(LOG_LEVEL_DEBUG, "phase", "is=%s", phase);
    sink->phase = phase;
}

/* Everything that follows from the events so far; returns the next deadline. What is
 * written stirs the session again: a slow writer gets no more than a few rounds before
 * the sockets are looked at. */
static int64_t settle(struct sink *sink, int64_t now_us)
{
    int64_t deadline_us = now_us;
    struct sink_action action;
    int64_t stood_us = stall_watch_take_stalled(sink->resources.stall_watch);
    sink_session_on_stood_still(sink->session, stood_us, now_us);
    for (int i = 0; i < ROUNDS_MAX && !sink->over; i++) {
        run_files_take_stirred(sink->files);
        deadline_us = sink_session_tick(sink->session, now_us);
        while (!sink->over && sink_session_next(sink->session, &action))
            act(sink, &action, now_us);
        log_phase(sink);
        run_files_write(sink->files, now_us);
        if (!run_files_take_stirred(sink->files))
            return deadline_us;
    }
    return now_us;
}

/* ---- what comes in ---- */

/* `cause`: why there is no payload. */
static void take_results(struct sink *sink, const struct message *message,
                         zmq_msg_t *payload, enum failure cause)
{
    size_t offset = 0;
    struct sink_session *session = sink->session;
    const struct id *run = &message->result.run, *uuid = &message->result.uuid;
    uint64_t epoch = message->result.epoch;
    for (uint32_t i = 0; i < message->result.count; i++) {
        const struct result_entry *entry = &message->result.entries[i];
        struct result *result =
            payload ? run_files_decode(sink->files, message, entry, payload, &offset)
                    : NULL;
        if (!result)
            sink_session_on_unread(session, run, epoch, uuid, entry, cause);
        else if (sink_session_on_result(session, run, epoch, uuid, entry, result))
            run_files_keep(sink->files, message, entry, result);
        else
            result_destroy(&result);
    }
}

static void receive_results(struct sink *sink)
{
    struct message message;
    zmq_msg_t *payload;
    enum failure cause = FAILURE_PROTOCOL;
    size_t bytes = 0;
    intake_begin_turn(sink->resources.intake);
    for (int i = 0; i < RESULTS_MAX && bytes < RESULT_BYTES_MAX; i++) {
        if (!intake_receive(sink->resources.intake, &message, &payload, &cause))
            return;
        bytes += payload ? zmq_msg_size(payload) : 0;
        take_results(sink, &message, payload, cause);
    }
}

static void take_skip(struct sink *sink, const struct message *message, int64_t now_us)
{
    struct result *result = skip_decode(sink->resources.memory, message,
                                        uplink_payload(sink->resources.uplink));
    if (!sink_session_on_skip(sink->session, message, result, now_us))
        result_destroy(&result);
}

static void receive_answers(struct sink *sink, int64_t now_us)
{
    struct message message;
    for (int i = 0; i < ANSWERS_MAX && uplink_receive(sink->resources.uplink, &message);
         i++) {
        if (message.type == MESSAGE_WELCOME)
            run_files_on_welcome(sink->files, &message, now_us);
        if (message.type == MESSAGE_END)
            run_files_on_end(sink->files, &message, now_us);
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
    while (!sink->over && (number = signals_next(sink->resources.signals)) > 0) {
        sink->signalled = number;
        log_hurry();
        if (run_files_have_failed(sink->files)) {
            leave(sink, STATUS_SIGNAL + number);
            return;
        }
        snprintf(text, sizeof text, "stopped by SIG%s", sigabbrev_np(number));
        run_files_fail(sink->files, STATUS_SIGNAL + number, text, now_us);
    }
}

/* ---- the loop ---- */

enum {
    ITEM_SIGNALS,
    ITEM_INTAKE,
    ITEM_KEYS,
    ITEM_STRANGERS,
    ITEM_UPLINK,
    ITEM_MONITOR,
    ITEM_OUTPUT,
    ITEM_COMMITS,
    ITEM_KEY_CHANGES,
    ITEM_OUTPUT_KEY_CHANGES,
    ITEM_SENDER,
    ITEMS
};

/* `socket`: NULL: there is none. */
static void poll_socket(zmq_pollitem_t *item, zsock_t *socket)
{
    if (!socket)
        return;
    item->socket = zsock_resolve(socket);
    item->events = ZMQ_POLLIN;
}

static void fill_items(const struct sink *sink, zmq_pollitem_t *items)
{
    const struct resources *resources = &sink->resources;
    memset(items, 0, ITEMS * sizeof *items);
    for (int i = 0; i < ITEMS; i++)
        items[i].fd = -1;
    items[ITEM_SIGNALS].fd = sink->resources.signals;
    items[ITEM_SIGNALS].events = ZMQ_POLLIN;
    poll_socket(&items[ITEM_INTAKE], intake_socket(resources->intake));
    poll_socket(&items[ITEM_KEYS], zap_socket(resources->zap));
    poll_socket(&items[ITEM_STRANGERS], zap_watch_socket(resources->zap));
    poll_socket(&items[ITEM_UPLINK], uplink_socket(resources->uplink));
    poll_socket(&items[ITEM_MONITOR], uplink_monitor(resources->uplink));
    run_files_fill_output_item(sink->files, &items[ITEM_OUTPUT]);
    items[ITEM_COMMITS].fd = run_files_commits_descriptor(sink->files);
    items[ITEM_COMMITS].events = ZMQ_POLLIN;
    items[ITEM_KEY_CHANGES].fd = keyring_descriptor(resources->keys.keyring);
    items[ITEM_KEY_CHANGES].events = ZMQ_POLLIN;
    items[ITEM_OUTPUT_KEY_CHANGES].fd = keyring_descriptor(resources->keys_out.keyring);
    items[ITEM_OUTPUT_KEY_CHANGES].events = ZMQ_POLLIN;
    items[ITEM_SENDER].fd = run_files_sender_descriptor(sink->files);
    items[ITEM_SENDER].events = ZMQ_POLLIN;
}

/* Also when all is over: the manager hears that this one ends, not that it died. */
static int64_t tell_manager(struct sink *sink, int64_t now_us)
{
    bool ending = sink->over || run_files_have_failed(sink->files);
    return service_report_tick(&sink->manager, sink->session,
                               uplink_endpoint(sink->resources.uplink), ending, now_us);
}

static int64_t look_for_waits(struct sink *sink, int64_t now_us)
{
    struct waiting_output output = {.queued = run_files_output_has_queued(sink->files),
                                    .ends = run_files_await_arrival(sink->files)};
    output.receiver =
        run_files_awaited_receiver(sink->files, &output.receiver_is_there);
    return waiting_hint_tick(&sink->hint, sink->session, &output, now_us);
}

static int loop(struct sink *sink)
{
    zmq_pollitem_t items[ITEMS];
    while (!sink->over) {
        int64_t now_us = clock_now_us();
        int64_t deadline_us = settle(sink, now_us);
        int64_t manager_us = tell_manager(sink, now_us);
        if (sink->over)
            break;
        if (manager_us < deadline_us)
            deadline_us = manager_us;
        int64_t hint_us = look_for_waits(sink, now_us);
        if (hint_us < deadline_us)
            deadline_us = hint_us;
        int64_t part_us = run_files_tick(sink->files, now_us);
        if (part_us < deadline_us)
            deadline_us = part_us;
        int64_t look_us = resources_tick(&sink->resources, now_us);
        if (look_us < deadline_us)
            deadline_us = look_us;
        int64_t retry_us = uplink_tick(sink->resources.uplink, now_us);
        if (retry_us < deadline_us)
            deadline_us = retry_us;
        fill_items(sink, items);
        zmq_poll(items, ITEMS, clock_poll_ms(now_us, deadline_us, LOOK_MS));
        now_us = clock_now_us();
        receive_signals(sink, now_us);
        if (items[ITEM_OUTPUT].revents & ZMQ_POLLERR)
            run_files_check_output(sink->files, now_us);
        run_files_receive_commits(sink->files, now_us);
        run_files_receive_sender(sink->files, now_us);
        receive_answers(sink, now_us);
        if (!run_files_output_is_behind(sink->files))
            receive_results(sink);
    }
    return sink->status;
}

/* ---- the beginning and the end ---- */

static void open_session(struct sink *sink)
{
    const struct resume_point *resume = &sink->resources.resume;
    const struct common_options *common = &sink->options->common;
    struct sink_session_config config = {
        .position = resume->start.position,
        .ordered = !sink->options->unordered,
        .journal = resume->journal != NULL || sink->options->out.to_messages,
        .max_result = sink->options->max_result_bytes,
        .liveness_us = common->liveness_us,
        .patience_us = common->patience_us,
    };
    int64_t now_us = clock_now_us();
    sink->incarnation = id_random();
    sink->session = sink_session_new(&config, now_us);
    stall_watch_meet(sink->resources.stall_watch,
                     uplink_endpoint(sink->resources.uplink), &sink->incarnation);
    sink->files = run_files_new(sink->options, &sink->resources, sink->session);
    bool hints = !common->quiet && !common->supervised;
    waiting_hint_init(&sink->hint, hints ? sink->resources.uplink : NULL,
                      common->quiet);
}

static void log_end(const struct sink *sink)
{
    log_event(LOG_LEVEL_INFO, "end",
              "status=%d bytes=%llu parked=%llu spilled=%llu garbage=%llu",
              sink->status, (unsigned long long)run_files_output_bytes(sink->files),
              (unsigned long long)sink_session_parked_ever(sink->session),
              (unsigned long long)result_memory_spilled_bytes(sink->resources.memory),
              (unsigned long long)intake_garbage(sink->resources.intake));
}

int sink_run(const struct sink_options *options)
{
    struct sink sink = {.options = options};
    service_manager_open(&sink.manager, clock_now_us());
    sink.status = resources_open(&sink.resources, options);
    if (sink.status == STATUS_OK) {
        open_session(&sink);
        loop(&sink);
        log_end(&sink);
        if (sink.status != STATUS_OK)
            run_files_abandon_output(sink.files);
        run_files_end_journal(sink.files);
    }
    sink_session_destroy(&sink.session, result_drop);
    if (sink.files)
        run_files_close_sockets(sink.files);
    resources_disconnect(&sink.resources);
    run_files_destroy(&sink.files);
    resources_close(&sink.resources);
    /* The launcher says who it was that was terminated. */
    if (options->common.supervised && sink.signalled &&
        sink.status == STATUS_SIGNAL + sink.signalled)
        signals_end_by(sink.signalled);
    return sink.status;
}
