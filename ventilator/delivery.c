/* SPDX-License-Identifier: MIT */
/*
 * One batch is open at a time: tasks for one session, or FORGETs for one. Whatever else
 * comes closes it, so that a peer gets things in the order in which dispatch said them.
 *
 * Large chunks travel alone and are not copied. Small ones are copied into one payload,
 * as a message for each would cost more than the copy.
 */
#include "ventilator/delivery.h"

#include "common/log.h"
#include "common/memory.h"
#include "common/protocol.h"
#include "ventilator/recent_peers.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALONE_BYTES = 32 << 10, /* from here on a chunk travels alone */
    BATCH_BYTES = 1 << 20,  /* of payload in a batch of small chunks */
};

enum batch_kind { BATCH_NONE, BATCH_TASKS, BATCH_FORGETS };

struct delivery {
    struct delivery_config config;
    struct encoder *encoder;

    bool lost_peer;

    enum batch_kind kind;
    uint32_t peer;
    uint64_t session;
    bool only_queued; /* of FORGETs */
    uint32_t count;
    struct task_entry *tasks;
    struct attempt_entry *forgets;
    uint64_t bytes; /* of the tasks' payload */

    struct recent_peers rejected; /* as malformed */
};

struct delivery *delivery_new(const struct delivery_config *config)
{
    struct delivery *delivery = allocate_zeroed(1, sizeof *delivery);
    delivery->config = *config;
    delivery->encoder = encoder_new();
    delivery->tasks = allocate_zeroed(BATCH_MAX, sizeof *delivery->tasks);
    delivery->forgets = allocate_zeroed(BATCH_MAX, sizeof *delivery->forgets);
    return delivery;
}

void delivery_destroy(struct delivery **delivery_p)
{
    struct delivery *delivery = *delivery_p;
    if (!delivery)
        return;
    encoder_destroy(&delivery->encoder);
    free(delivery->tasks);
    free(delivery->forgets);
    free(delivery);
    *delivery_p = NULL;
}

bool delivery_has_tasks(const struct delivery *delivery)
{
    return delivery->kind == BATCH_TASKS;
}

bool delivery_lost_peer(struct delivery *delivery)
{
    bool lost = delivery->lost_peer;
    delivery->lost_peer = false;
    return lost;
}

/* The payload is taken in any case; NULL: none. */
static void send_message(struct delivery *delivery, uint32_t peer,
                         const struct message *message, zmq_msg_t *payload,
                         int64_t now_us)
{
    struct slice header = encoder_write(delivery->encoder, message);
    int result = transport_send_to(delivery->config.router, peer, header, payload);
    log_event(LOG_LEVEL_TRACE, "sent", "type=%s peer=%" PRIu32 " result=%d",
              message_type_name(message->type), peer, result);
    if (result == 0)
        return;
    if (payload)
        zmq_msg_close(payload);
    if (result != -EHOSTUNREACH)
        log_event(LOG_LEVEL_WARN, "send_failed", "peer=%" PRIu32 " error=\"%s\"", peer,
                  zmq_strerror(-result));
    dispatch_on_unreachable(delivery->config.dispatch, peer, now_us);
    delivery->lost_peer = true;
}

/* ---- batches ---- */

/* Copies the bytes of the batch's tasks one after the other. False: some could not be
 * had. */
static bool gather_payload(struct delivery *delivery, zmq_msg_t *ret_payload)
{
    if (zmq_msg_init_size(ret_payload, delivery->bytes))
        abort_out_of_memory();
    uint8_t *end = zmq_msg_data(ret_payload);
    for (uint32_t i = 0; i < delivery->count; i++) {
        zmq_msg_t bytes;
        if (!store_take_bytes(delivery->config.store, delivery->tasks[i].seq, &bytes)) {
            zmq_msg_close(ret_payload);
            return false;
        }
        memcpy(end, zmq_msg_data(&bytes), zmq_msg_size(&bytes));
        end += zmq_msg_size(&bytes);
        zmq_msg_close(&bytes);
    }
    return true;
}

static enum delivery_outcome send_tasks(struct delivery *delivery, int64_t now_us)
{
    zmq_msg_t payload;
    bool there =
        delivery->count == 1
            ? store_take_bytes(delivery->config.store, delivery->tasks[0].seq, &payload)
            : gather_payload(delivery, &payload);
    if (!there)
        return DELIVERY_NO_BYTES;
    struct message message = {.type = MESSAGE_TASK,
                              .task = {.session = delivery->session,
                                       .entries = delivery->tasks,
                                       .count = delivery->count}};
    send_message(delivery, delivery->peer, &message, &payload, now_us);
    return DELIVERY_OK;
}

static void send_forgets(struct delivery *delivery, int64_t now_us)
{
    struct message message = {.type = MESSAGE_FORGET,
                              .forget = {.session = delivery->session,
                                         .only_queued = delivery->only_queued,
                                         .entries = delivery->forgets,
                                         .count = delivery->count}};
    send_message(delivery, delivery->peer, &message, NULL, now_us);
}

enum delivery_outcome delivery_flush(struct delivery *delivery, int64_t now_us)
{
    enum delivery_outcome outcome = DELIVERY_OK;
    if (delivery->kind == BATCH_TASKS)
        outcome = send_tasks(delivery, now_us);
    else if (delivery->kind == BATCH_FORGETS)
        send_forgets(delivery, now_us);
    delivery->kind = BATCH_NONE;
    delivery->count = 0;
    delivery->bytes = 0;
    return outcome;
}

/* Whether the open batch is one that the action may join. */
static bool fits(const struct delivery *delivery, enum batch_kind kind,
                 const struct dispatch_action *action, uint64_t length)
{
    return delivery->kind == kind && delivery->peer == action->peer &&
           delivery->session == action->session && delivery->count < BATCH_MAX &&
           (kind == BATCH_TASKS
                ? length < ALONE_BYTES && delivery->bytes + length <= BATCH_BYTES
                : delivery->only_queued == action->only_queued);
}

static enum delivery_outcome join(struct delivery *delivery, enum batch_kind kind,
                                  const struct dispatch_action *action, uint64_t length,
                                  int64_t now_us)
{
    if (fits(delivery, kind, action, length))
        return DELIVERY_OK;
    enum delivery_outcome outcome = delivery_flush(delivery, now_us);
    delivery->kind = kind;
    delivery->peer = action->peer;
    delivery->session = action->session;
    delivery->only_queued = action->only_queued;
    return outcome;
}

static enum delivery_outcome add_task(struct delivery *delivery,
                                      const struct dispatch_action *action,
                                      int64_t now_us)
{
    const struct chunk *chunk = store_find(delivery->config.store, action->seq);
    assert(chunk); /* dispatch sends what was cut and not discarded */
    enum delivery_outcome outcome =
        join(delivery, BATCH_TASKS, action, chunk->length, now_us);
    delivery->bytes += chunk->length;
    delivery->tasks[delivery->count++] = (struct task_entry){
        .seq = action->seq,
        .attempt = action->attempt,
        .length = chunk->length,
        .records = chunk->records,
        .limit_ms = action->limit_ms,
        .mark = {.data = chunk->mark, .size = chunk->mark_size},
    };
    if (chunk->length < ALONE_BYTES || outcome != DELIVERY_OK)
        return outcome;
    return delivery_flush(delivery, now_us);
}

static void add_forget(struct delivery *delivery, const struct dispatch_action *action)
{
    delivery->forgets[delivery->count++] =
        (struct attempt_entry){.seq = action->seq, .attempt = action->attempt};
}

/* ---- single messages ---- */

static struct message welcome(const struct delivery *delivery)
{
    const struct dispatch *dispatch = delivery->config.dispatch;
    struct message message = {
        .type = MESSAGE_WELCOME,
        .welcome = {.version = PROTOCOL_VERSION,
                    .uid = delivery->config.uid,
                    .heartbeat_ms = dispatch_heartbeat_ms(dispatch),
                    .liveness_ms = delivery->config.liveness_ms,
                    .max_result = dispatch_max_result(dispatch),
                    .format = slice_of_text(delivery->config.format),
                    .header_out = delivery->config.header_out},
    };
    return message;
}

static struct message welcome_sink(const struct delivery *delivery)
{
    struct message message = welcome(delivery);
    message.welcome.buffer = delivery->config.sink_buffer_bytes;
    message.welcome.input = source_input(delivery->config.source);
    return message;
}

static struct message welcome_worker(const struct delivery *delivery,
                                     const struct dispatch_action *action)
{
    const struct dispatch *dispatch = delivery->config.dispatch;
    struct message message = welcome(delivery);
    message.welcome.program = dispatch_program(dispatch);
    message.welcome.header = source_header(delivery->config.source);
    message.welcome.session = action->session;
    message.welcome.nonce = action->nonce;
    message.welcome.run = dispatch_run(dispatch);
    message.welcome.epoch = dispatch_epoch(dispatch);
    message.welcome.endpoint = slice_of_text(dispatch_endpoint(dispatch));
    return message;
}

static struct message rejection(enum reject reason)
{
    static const char *const texts[] = {
        [REJECT_MALFORMED] = "that is no message of FANFOLD/1 that a ventilator takes",
        [REJECT_VERSION] = "this ventilator speaks version 1 of the protocol",
        [REJECT_TAKEN] = "this ventilator has a sink already",
        [REJECT_STATE] = "this ventilator cannot go on with that run",
    };
    struct message message = {
        .type = MESSAGE_REJECT,
        .reject = {.reason = reason, .text = slice_of_text(texts[reason])}};
    return message;
}

static struct message ending(const struct delivery *delivery, uint64_t total,
                             const struct verdict *verdict)
{
    struct message message = {
        .type = MESSAGE_END,
        .end = {.epoch = dispatch_epoch(delivery->config.dispatch),
                .total = total,
                .outcome = verdict->outcome,
                .status = (uint32_t)verdict->status,
                .header = source_header(delivery->config.source)}};
    return message;
}

static struct message stopping(const struct verdict *verdict)
{
    struct message message = {
        .type = MESSAGE_STOP,
        .stop = {.outcome = verdict->outcome, .text = slice_of_text(verdict->text)}};
    return message;
}

/* The message of an action that is one by itself; it borrows from `verdict`. */
static struct message single(const struct delivery *delivery,
                             const struct dispatch_action *action,
                             const struct verdict *verdict)
{
    switch ((int)action->kind) {
    case DISPATCH_WELCOME_SINK:
        return welcome_sink(delivery);
    case DISPATCH_WELCOME:
        return welcome_worker(delivery, action);
    case DISPATCH_REJECT:
        return rejection(action->reason);
    case DISPATCH_WHO:
        return (struct message){.type = MESSAGE_WHO};
    case DISPATCH_PONG:
        return (struct message){.type = MESSAGE_PONG};
    case DISPATCH_END:
        return ending(delivery, action->seq, verdict);
    case DISPATCH_STOP:
        return stopping(verdict);
    default:
        assert(action->kind == DISPATCH_GOODBYE || action->kind == DISPATCH_FAREWELL);
        return (struct message){.type = MESSAGE_GOODBYE};
    }
}

static enum delivery_outcome send_single(struct delivery *delivery,
                                         const struct dispatch_action *action,
                                         int64_t now_us)
{
    enum delivery_outcome outcome = delivery_flush(delivery, now_us);
    if (action->kind == DISPATCH_REJECT && action->reason == REJECT_MALFORMED &&
        !recent_peers_add(&delivery->rejected, action->peer))
        return outcome;
    struct verdict verdict = dispatch_verdict(delivery->config.dispatch);
    struct message message = single(delivery, action, &verdict);
    send_message(delivery, action->peer, &message, NULL, now_us);
    return outcome;
}

/* ---- a chunk by itself ---- */

static struct message isolate(const struct delivery *delivery,
                              const struct dispatch_action *action,
                              const struct chunk *chunk)
{
    struct isolation isolation =
        dispatch_isolation(delivery->config.dispatch, action->seq);
    struct message message = {
        .type = MESSAGE_ISOLATE,
        .isolate = {.session = action->session,
                    .seq = action->seq,
                    .attempt = action->attempt,
                    .length = chunk->length,
                    .records = chunk->records,
                    .limit_ms = action->limit_ms,
                    .mark = {.data = chunk->mark, .size = chunk->mark_size},
                    .offset = chunk->offset,
                    .record = chunk->first_record,
                    .tries = isolation.tries,
                    .probe = isolation.probe,
                    .except = isolation.except,
                    .count = isolation.count},
    };
    return message;
}

static struct message skip(const struct delivery *delivery,
                           const struct dispatch_failure *failure,
                           const struct chunk *chunk)
{
    struct message message = {
        .type = MESSAGE_SKIP,
        .skip = {.epoch = dispatch_epoch(delivery->config.dispatch),
                 .seq = failure->seq,
                 .length = chunk->length,
                 .offset = chunk->offset,
                 .record = chunk->first_record,
                 .records = chunk->records,
                 .mark = {.data = chunk->mark, .size = chunk->mark_size},
                 .attempts = failure->attempts,
                 .how = failure->how,
                 .code = failure->code,
                 .text = {.data = failure->text, .size = failure->text_size}},
    };
    return message;
}

/* ISOLATE and SKIP. A SKIP that the sink has meanwhile settled is not said. */
static enum delivery_outcome send_chunk(struct delivery *delivery,
                                        const struct dispatch_action *action,
                                        int64_t now_us)
{
    enum delivery_outcome outcome = delivery_flush(delivery, now_us);
    const struct chunk *chunk = store_find(delivery->config.store, action->seq);
    const struct dispatch_failure *failure =
        dispatch_skipped(delivery->config.dispatch, action->seq);
    if (outcome != DELIVERY_OK || !chunk || (action->kind == DISPATCH_SKIP && !failure))
        return outcome;
    zmq_msg_t payload;
    if (!store_take_bytes(delivery->config.store, action->seq, &payload))
        return DELIVERY_NO_BYTES;
    struct message message = action->kind == DISPATCH_SKIP
                                 ? skip(delivery, failure, chunk)
                                 : isolate(delivery, action, chunk);
    send_message(delivery, action->peer, &message, &payload, now_us);
    return DELIVERY_OK;
}

enum delivery_outcome delivery_do(struct delivery *delivery,
                                  const struct dispatch_action *action, int64_t now_us)
{
    if (action->kind == DISPATCH_TASK)
        return add_task(delivery, action, now_us);
    if (action->kind == DISPATCH_ISOLATE || action->kind == DISPATCH_SKIP)
        return send_chunk(delivery, action, now_us);
    if (action->kind != DISPATCH_FORGET)
        return send_single(delivery, action, now_us);
    enum delivery_outcome outcome = join(delivery, BATCH_FORGETS, action, 0, now_us);
    add_forget(delivery, action);
    return outcome;
}
