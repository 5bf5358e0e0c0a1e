/* SPDX-License-Identifier: MIT */
/*
 * A batch is of one kind, and a message of another kind sends it; but RESULT and DONE,
 * which come in pairs, are gathered side by side. The outbox copies a small result into
 * its batch, as a message of its own would cost more than the copy; a large one travels
 * as the message that it already is. So does a result with bad records, however small,
 * because their list may fill half a header.
 */
#include "worker/outbox.h"

#include "common/loan/borrow.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/net/connection_monitor.h"
#include "common/net/envelope.h"
#include "common/net/transport.h"
#include "common/protocol/payload_compression.h"
#include "common/protocol/protocol.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SMALL_BYTES = 64 << 10, /* results up to here are batched */
    BATCH_BYTES = 1 << 20,  /* of one batch of results */
};

struct outbox {
    struct uplink *uplink;
    struct encoder *encoder; /* of RESULT */
    struct payload_codec *codec;
    zsock_t *push;
    enum payload_compression compression; /* of results, on this link */
    bool lends;                           /* it takes the names of loans, */
    bool takes_parts;                     /* and of files */
    struct part_results *parts;
    const struct session *of; /* whose results they are */
    struct connection_monitor *monitor;
    struct retry retry; /* of the PUSH */

    struct id uuid;
    struct id run; /* of the gathered results */
    uint64_t epoch;
    struct result_entry results[BATCH_MAX];
    uint32_t result_count;
    uint8_t *bytes; /* of the gathered results, one after the other */
    size_t bytes_size, bytes_capacity;

    uint64_t session; /* of the gathered DONEs and RETURNEDs */
    struct done_entry done[BATCH_MAX];
    uint32_t done_count;
    struct attempt_entry returned[BATCH_MAX];
    uint32_t returned_count;

    struct task *dropped; /* marks in `results` may lie in them */
};

struct outbox *outbox_new(struct uplink *uplink, struct payload_codec *codec,
                          const struct id *uuid, struct part_writer **writer_p)
{
    struct outbox *outbox = allocate_zeroed(1, sizeof *outbox);
    outbox->uplink = uplink;
    outbox->codec = codec;
    outbox->uuid = *uuid;
    outbox->encoder = encoder_new();
    outbox->parts = part_results_new(writer_p);
    retry_init(&outbox->retry);
    return outbox;
}

void outbox_destroy(struct outbox **outbox_p)
{
    struct outbox *outbox = *outbox_p;
    if (!outbox)
        return;
    outbox_flush(outbox);
    outbox_close_link(outbox);
    part_results_destroy(&outbox->parts);
    encoder_destroy(&outbox->encoder);
    free(outbox->bytes);
    free(outbox);
    *outbox_p = NULL;
}

void outbox_close_link(struct outbox *outbox)
{
    outbox_flush(outbox);
    part_results_unsend(outbox->parts);
    connection_monitor_destroy(&outbox->monitor);
    zsock_destroy(&outbox->push);
    retry_made(&outbox->retry);
}

int outbox_open_link(struct outbox *outbox, const char *endpoint,
                     const struct curve *curve, enum payload_compression compression,
                     bool lends, bool parts)
{
    outbox_close_link(outbox);
    outbox->lends = lends;
    outbox->takes_parts = parts && part_results_may(outbox->parts);
    outbox->compression = transport_is_tcp(endpoint) ? compression : PAYLOAD_PLAIN;
    outbox->push = transport_connect_push(endpoint, curve, &outbox->monitor);
    return outbox->push ? 0 : -errno;
}

struct connection_monitor *outbox_monitor(const struct outbox *outbox)
{
    return outbox->monitor;
}

uint32_t outbox_poll(const struct outbox *outbox, zmq_pollitem_t *items)
{
    return part_results_poll(outbox->parts, items);
}

struct retry *outbox_retry(struct outbox *outbox)
{
    return &outbox->retry;
}

/* ---- results ---- */

/* What cannot leave now, the session sends again when the link opens. */
static void push_results(struct outbox *outbox, struct message *message,
                         zmq_msg_t *payload)
{
    if (!outbox->push)
        return;
    if (message->result.compression == PAYLOAD_PLAIN &&
        payload_codec_compress(outbox->codec, outbox->compression, payload))
        message->result.compression = outbox->compression;
    int result =
        envelope_send(outbox->push, encoder_write(outbox->encoder, message), payload);
    if (result < 0)
        log_event(LOG_LEVEL_DEBUG, "result_unsent", "results=%u error=\"%s\"",
                  message->result.count, zmq_strerror(-result));
}

static void flush_results(struct outbox *outbox)
{
    if (!outbox->result_count)
        return;
    struct message message = {.type = MESSAGE_RESULT};
    message.result.run = outbox->run;
    message.result.epoch = outbox->epoch;
    message.result.uuid = outbox->uuid;
    message.result.entries = outbox->results;
    message.result.count = outbox->result_count;
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, outbox->bytes_size);
    if (outbox->bytes_size)
        memcpy(zmq_msg_data(&payload), outbox->bytes, outbox->bytes_size);
    push_results(outbox, &message, &payload);
    zmq_msg_close(&payload);
    outbox->result_count = 0;
    outbox->bytes_size = 0;
}

/* The sink does not borrow it. The loan is this process's own: only a host that lacks
 * something cannot open it, and then it is sent when that is there again. */
static bool fetch(struct task *task, zmq_msg_t *payload)
{
    if (loan_borrow(payload, task->length, getpid()))
        return true;
    log_event(LOG_LEVEL_WARN, "result_unsent", "bytes=%llu error=\"%s\"",
              (unsigned long long)task->length, zmq_strerror(errno));
    return false;
}

static void push_alone(struct outbox *outbox, const struct result_entry *entry,
                       struct task *task)
{
    struct message message = {.type = MESSAGE_RESULT};
    message.result.run = outbox->run;
    message.result.epoch = outbox->epoch;
    message.result.uuid = outbox->uuid;
    message.result.entries = entry;
    message.result.count = 1;
    zmq_msg_t payload;
    if (*task->part && outbox->takes_parts) {
        message.result.compression = PAYLOAD_PART;
        part_results_name(task, &payload);
        push_results(outbox, &message, &payload);
        zmq_msg_close(&payload);
        return;
    }
    zmq_msg_init(&payload);
    zmq_msg_copy(&payload, &task->result);
    if (task->lent && outbox->lends)
        message.result.compression = PAYLOAD_LENT;
    if (!task->lent || outbox->lends || fetch(task, &payload))
        push_results(outbox, &message, &payload);
    zmq_msg_close(&payload);
}

static void append(struct outbox *outbox, const void *data, size_t size)
{
    if (outbox->bytes_size + size > outbox->bytes_capacity) {
        outbox->bytes_capacity = BATCH_BYTES + SMALL_BYTES;
        outbox->bytes = reallocate(outbox->bytes, outbox->bytes_capacity, 1);
    }
    if (size)
        memcpy(outbox->bytes + outbox->bytes_size, data, size);
    outbox->bytes_size += size;
}

/* It does not wait any more, if it did. */
static void add_result(struct outbox *outbox, const struct session *session,
                       const struct session_action *action)
{
    struct task *task = action->cargo;
    struct result_entry entry = {
        .seq = action->seq,
        .attempt = action->attempt,
        .length = task->length,
        .run_us = action->run_us,
        .mark = task_mark(task),
        .bad = task->bad,
        .bad_count = task->bad_count,
    };
    /* One run and epoch a batch: they change with the PUSH, whose end flushes. */
    outbox->run = session_run(session);
    outbox->epoch = session_epoch(session);
    bool part = *task->part && outbox->takes_parts;
    if (part || task->lent || entry.bad_count || entry.length > SMALL_BYTES) {
        push_alone(outbox, &entry, task);
        return;
    }
    if (outbox->bytes_size + entry.length > session_max_result(session))
        flush_results(outbox); /* the limit is that of the whole payload */
    append(outbox, zmq_msg_data(&task->result), entry.length);
    outbox->results[outbox->result_count++] = entry;
    if (outbox->result_count == BATCH_MAX || outbox->bytes_size >= BATCH_BYTES)
        flush_results(outbox);
}

/* Bad records' bytes travel with their result's. */
static bool can_be_part(const struct outbox *outbox, const struct task *task)
{
    return outbox->takes_parts && !task->bad_count && task->length > 0;
}

void outbox_result(struct outbox *outbox, const struct session *session,
                   const struct session_action *action)
{
    outbox->of = session;
    if (!can_be_part(outbox, action->cargo) ||
        !part_results_hold(outbox->parts, session, action))
        add_result(outbox, session, action);
}

/* ---- to the ventilator ---- */

static void flush_done(struct outbox *outbox)
{
    if (!outbox->done_count)
        return;
    struct message message = {.type = MESSAGE_DONE};
    message.done.session = outbox->session;
    message.done.entries = outbox->done;
    message.done.count = outbox->done_count;
    uplink_send(outbox->uplink, &message);
    outbox->done_count = 0;
}

static void flush_returned(struct outbox *outbox)
{
    if (!outbox->returned_count)
        return;
    struct message message = {.type = MESSAGE_RETURNED};
    message.returned.session = outbox->session;
    message.returned.entries = outbox->returned;
    message.returned.count = outbox->returned_count;
    uplink_send(outbox->uplink, &message);
    outbox->returned_count = 0;
}

static void add_done(struct outbox *outbox, const struct session_action *action,
                     int64_t now_us)
{
    const struct task *task = action->cargo;
    if (outbox->session != action->session || outbox->returned_count ||
        outbox->done_count == BATCH_MAX)
        outbox_flush(outbox);
    outbox->session = action->session;
    outbox->done[outbox->done_count++] = (struct done_entry){
        .seq = action->seq,
        .attempt = action->attempt,
        .waited_us = task_waited_us(task),
        .run_us = action->run_us,
        .kept_us = task_kept_us(task, now_us),
        .open = task->open,
    };
}

void outbox_done(struct outbox *outbox, const struct session_action *action,
                 int64_t now_us)
{
    if (!part_results_hold_done(outbox->parts, action))
        add_done(outbox, action, now_us);
}

void outbox_returned(struct outbox *outbox, const struct session_action *action)
{
    if (outbox->session != action->session || outbox->done_count ||
        outbox->returned_count == BATCH_MAX)
        outbox_flush(outbox);
    outbox->session = action->session;
    outbox->returned[outbox->returned_count++] =
        (struct attempt_entry){.seq = action->seq, .attempt = action->attempt};
}

static void send_alone(struct outbox *outbox, const struct message *message)
{
    outbox_flush(outbox);
    uplink_send(outbox->uplink, message);
}

void outbox_hello(struct outbox *outbox, const struct identity *identity,
                  struct session *session, const struct session_action *action)
{
    struct capability capabilities[5 + PAYLOAD_COMPRESSION_MAX] = {
        {slice_of_text("isolate")}};
    uint32_t capability_count = 1;
    if (transport_is_tcp(uplink_endpoint(outbox->uplink)))
        capability_count = payload_compression_add_all(capabilities, capability_count);
    if (uplink_is_own(outbox->uplink))
        capabilities[capability_count++].name = slice_of_text(CAPABILITY_EXTENTS);
    if (identity->sees_root)
        capabilities[capability_count++].name = slice_of_text(CAPABILITY_ROOT);
    if (identity->drains)
        capabilities[capability_count++].name = slice_of_text("drain");
    if (*identity->place)
        capabilities[capability_count++].name = slice_of_text(identity->place);
    struct message message = {.type = MESSAGE_HELLO_WORKER};
    message.hello_worker.version = PROTOCOL_VERSION;
    message.hello_worker.uuid = identity->uuid;
    message.hello_worker.nonce = action->session;
    message.hello_worker.host = slice_of_text(identity->host);
    message.hello_worker.pid = (uint32_t)getpid();
    message.hello_worker.slots = identity->slots;
    message.hello_worker.link = session_link(session);
    message.hello_worker.program = identity->program;
    message.hello_worker.command = slice_of_text(identity->command);
    message.hello_worker.run = session_run(session);
    message.hello_worker.epoch = session_epoch(session);
    message.hello_worker.capabilities = capabilities;
    message.hello_worker.capability_count = capability_count;
    message.hello_worker.ledger = session_ledger(session, &message.hello_worker.count);
    log_event(LOG_LEVEL_DEBUG, "hello", "nonce=%llu ledger=%u",
              (unsigned long long)action->session, message.hello_worker.count);
    send_alone(outbox, &message);
}

void outbox_ping(struct outbox *outbox, struct session *session,
                 const struct session_action *action)
{
    struct message message = {.type = MESSAGE_PING};
    message.ping.session = action->session;
    message.ping.link = session_link(session);
    message.ping.leaving = session_leaving(session);
    message.ping.running = session_running(session, &message.ping.count);
    send_alone(outbox, &message);
}

void outbox_failed(struct outbox *outbox, const struct session_action *action)
{
    const struct task *task = action->cargo;
    struct message message = {.type = MESSAGE_FAILED};
    message.failed.session = action->session;
    message.failed.seq = action->seq;
    message.failed.attempt = action->attempt;
    message.failed.waited_us = task_waited_us(task);
    message.failed.run_us = action->run_us;
    message.failed.cause = task->cause;
    message.failed.code = task->code;
    message.failed.text = (struct slice){.data = task->text, .size = task->text_size};
    send_alone(outbox, &message);
}

void outbox_drained(struct outbox *outbox, const struct session_action *action)
{
    struct message message = {.type = MESSAGE_DRAINED};
    message.drained.session = action->session;
    send_alone(outbox, &message);
}

void outbox_doubt(struct outbox *outbox, const struct session *session,
                  const struct session_action *action)
{
    const char *text;
    struct message message = {.type = MESSAGE_DOUBT};
    message.doubt.session = action->session;
    session_doubt(session, &message.doubt.from, &text);
    message.doubt.text = slice_of_text(text);
    send_alone(outbox, &message);
}

void outbox_goodbye(struct outbox *outbox, const struct session_action *action)
{
    struct message message = {.type = MESSAGE_GOODBYE};
    message.goodbye.session = action->session;
    send_alone(outbox, &message);
}

/* ---- what was gathered ---- */

void outbox_drop(struct outbox *outbox, struct task *task)
{
    part_results_forget(outbox->parts, task);
    task->next = outbox->dropped;
    outbox->dropped = task;
}

void outbox_flush(struct outbox *outbox)
{
    flush_results(outbox);
    flush_done(outbox);
    flush_returned(outbox);
    while (outbox->dropped) {
        struct task *task = outbox->dropped;
        outbox->dropped = task->next;
        task_destroy(&task);
    }
}

/* What has become a part since the last turn. */
static void take_parts(struct outbox *outbox, int64_t now_us)
{
    struct session_action action;
    while (part_results_next(outbox->parts, &action))
        if (action.kind == SESSION_RESULT)
            add_result(outbox, outbox->of, &action);
        else
            add_done(outbox, &action, now_us);
}

void outbox_end_turn(struct outbox *outbox, int64_t now_us)
{
    take_parts(outbox, now_us);
    outbox_flush(outbox);
    payload_codec_begin_turn(outbox->codec);
}
