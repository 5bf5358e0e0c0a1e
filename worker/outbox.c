/* SPDX-License-Identifier: MIT */
/*
 * Batches are of one kind at a time but for RESULT and DONE, which come in pairs and
 * are gathered side by side. A small result is copied into its batch, as a message of
 * its own would cost more than the copy; a large one travels as the message that it
 * already is. So does one with bad records, however small: what is said of them may
 * fill half a header.
 */
#include "worker/outbox.h"

#include "common/log.h"
#include "common/memory.h"
#include "common/protocol.h"
#include <stdlib.h>
#include <string.h>

enum {
    SMALL_BYTES = 64 << 10, /* results up to here are batched */
    BATCH_BYTES = 1 << 20,  /* of one batch of results */
};

struct outbox {
    struct uplink *uplink;
    struct encoder *encoder; /* of RESULT */
    zsock_t *push;
    struct connection_monitor *monitor;

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

    struct work *dropped; /* marks in `results` may be theirs */
};

struct outbox *outbox_new(struct uplink *uplink)
{
    struct outbox *outbox = allocate_zeroed(1, sizeof *outbox);
    outbox->uplink = uplink;
    outbox->encoder = encoder_new();
    return outbox;
}

void outbox_destroy(struct outbox **outbox_p)
{
    struct outbox *outbox = *outbox_p;
    if (!outbox)
        return;
    outbox_flush(outbox);
    outbox_close_way(outbox);
    encoder_destroy(&outbox->encoder);
    free(outbox->bytes);
    free(outbox);
    *outbox_p = NULL;
}

void outbox_close_way(struct outbox *outbox)
{
    outbox_flush(outbox);
    connection_monitor_destroy(&outbox->monitor);
    zsock_destroy(&outbox->push);
}

int outbox_open_way(struct outbox *outbox, const char *endpoint)
{
    outbox_close_way(outbox);
    outbox->push = transport_connect_push(endpoint);
    if (!outbox->push)
        return -errno;
    outbox->monitor = connection_monitor_new(outbox->push);
    return outbox->monitor ? 0 : -errno;
}

struct connection_monitor *outbox_monitor(const struct outbox *outbox)
{
    return outbox->monitor;
}

/* ---- results ------------------------------------------------------------------------
 */

/* What cannot be sent is sent again when the way opens. */
static void push_results(struct outbox *outbox, const struct message *message,
                         zmq_msg_t *payload)
{
    if (!outbox->push)
        return;
    int result =
        transport_send(outbox->push, encoder_write(outbox->encoder, message), payload);
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

static void push_alone(struct outbox *outbox, const struct result_entry *entry,
                       zmq_msg_t *result)
{
    struct message message = {.type = MESSAGE_RESULT};
    message.result.run = outbox->run;
    message.result.epoch = outbox->epoch;
    message.result.entries = entry;
    message.result.count = 1;
    zmq_msg_t payload;
    zmq_msg_init(&payload);
    zmq_msg_copy(&payload, result);
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

void outbox_result(struct outbox *outbox, const struct id *run, uint64_t epoch,
                   uint64_t seq, uint32_t attempt, uint64_t run_us, struct work *work)
{
    struct result_entry entry = {
        .seq = seq,
        .attempt = attempt,
        .length = work->length,
        .run_us = run_us,
        .mark = work_mark(work),
        .bad = work->bad,
        .bad_count = work->bad_count,
    };
    outbox->run = *run; /* one at a time: it changes with the way, which flushes */
    outbox->epoch = epoch;
    if (entry.bad_count || entry.length > SMALL_BYTES) {
        push_alone(outbox, &entry, &work->result);
        return;
    }
    append(outbox, zmq_msg_data(&work->result), entry.length);
    outbox->results[outbox->result_count++] = entry;
    if (outbox->result_count == BATCH_MAX || outbox->bytes_size >= BATCH_BYTES)
        flush_results(outbox);
}

/* ---- to the ventilator --------------------------------------------------------------
 */

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

void outbox_done(struct outbox *outbox, uint64_t session, uint64_t seq,
                 uint32_t attempt, uint64_t run_us)
{
    if (outbox->session != session || outbox->returned_count ||
        outbox->done_count == BATCH_MAX)
        outbox_flush(outbox);
    outbox->session = session;
    outbox->done[outbox->done_count++] =
        (struct done_entry){.seq = seq, .attempt = attempt, .run_us = run_us};
}

void outbox_returned(struct outbox *outbox, uint64_t session, uint64_t seq,
                     uint32_t attempt)
{
    if (outbox->session != session || outbox->done_count ||
        outbox->returned_count == BATCH_MAX)
        outbox_flush(outbox);
    outbox->session = session;
    outbox->returned[outbox->returned_count++] =
        (struct attempt_entry){.seq = seq, .attempt = attempt};
}

void outbox_say(struct outbox *outbox, const struct message *message)
{
    outbox_flush(outbox);
    uplink_send(outbox->uplink, message);
}

void outbox_drop(struct outbox *outbox, struct work *work)
{
    work->next = outbox->dropped;
    outbox->dropped = work;
}

void outbox_flush(struct outbox *outbox)
{
    flush_results(outbox);
    flush_done(outbox);
    flush_returned(outbox);
    while (outbox->dropped) {
        struct work *work = outbox->dropped;
        outbox->dropped = work->next;
        work_destroy(&work);
    }
}
