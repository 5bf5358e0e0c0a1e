/* SPDX-License-Identifier: MIT */
/*
 * One batch is open at a time: tasks for one session, or FORGETs for one. Any other
 * action closes it, so that a peer gets messages in the order of dispatch's actions.
 *
 * Large chunks travel alone, without a copy. Small ones are copied into one payload, as
 * a message for each would cost more than the copy.
 */
#include "ventilator/outbox.h"

#include "common/log.h"
#include "common/memory.h"
#include "common/net/envelope.h"
#include "common/protocol/endpoint_list.h"
#include "common/protocol/payload_compression.h"
#include "common/protocol/protocol.h"
#include "ventilator/answered.h"
#include "ventilator/once_per_peer.h"
#include "ventilator/task_payload.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ALONE_BYTES = 32 << 10, /* a chunk of so many travels alone */
    BATCH_BYTES = 1 << 20,  /* of payload in a batch of small chunks */
};

enum batch_kind { BATCH_NONE, BATCH_TASKS, BATCH_FORGETS };

struct outbox {
    struct outbox_config config;
    struct encoder *encoder;
    struct task_payload *task_payload;
    bool lost_peer; /* since outbox_lost_peer was last called */

    /* The open batch. */
    enum batch_kind kind;
    uint32_t peer;
    uint64_t session;
    bool only_queued;                     /* of FORGETs */
    enum payload_compression compression; /* of tasks */
    uint32_t count;
    struct task_entry *tasks;
    struct attempt_entry *forgets;
    uint64_t bytes; /* of the tasks' payload */

    struct endpoint_entry endpoints[ENDPOINTS_MAX]; /* of the last WELCOME */
    struct capability capabilities[3];              /* likewise */
    char rejection[400];                            /* of the last REJECT */
    struct once_per_peer rejected;                  /* for a malformed message */
    struct once_per_peer unsent; /* it takes no messages, and that was said */
    struct answered answered;
};

struct outbox *outbox_new(const struct outbox_config *config)
{
    struct outbox *outbox = allocate_zeroed(1, sizeof *outbox);
    outbox->config = *config;
    outbox->encoder = encoder_new();
    outbox->task_payload =
        task_payload_new(config->chunk_store, config->source, config->by_value);
    outbox->tasks = allocate_zeroed(BATCH_MAX, sizeof *outbox->tasks);
    outbox->forgets = allocate_zeroed(BATCH_MAX, sizeof *outbox->forgets);
    return outbox;
}

void outbox_destroy(struct outbox **outbox_p)
{
    struct outbox *outbox = *outbox_p;
    if (!outbox)
        return;
    encoder_destroy(&outbox->encoder);
    task_payload_destroy(&outbox->task_payload);
    free(outbox->tasks);
    free(outbox->forgets);
    free(outbox);
    *outbox_p = NULL;
}

bool outbox_has_tasks(const struct outbox *outbox)
{
    return outbox->kind == BATCH_TASKS;
}

bool outbox_lost_peer(struct outbox *outbox)
{
    bool lost = outbox->lost_peer;
    outbox->lost_peer = false;
    return lost;
}

/* Takes the payload in any case; NULL: none. */
static void send_message(struct outbox *outbox, uint32_t peer,
                         const struct message *message, zmq_msg_t *payload,
                         int64_t now_us)
{
    struct slice header = encoder_write(outbox->encoder, message);
    bool may = message->type != MESSAGE_WELCOME ||
               answered_add(&outbox->answered, peer, header.size);
    int result = may ? envelope_send_to(outbox->config.router, peer, header, payload)
                     : -EAGAIN;
    log_event(LOG_LEVEL_TRACE, "sent", "type=%s peer=%" PRIu32 " result=%d",
              message_type_name(message->type), peer, result);
    if (result == 0)
        return;
    if (payload)
        zmq_msg_close(payload);
    if (result != -EHOSTUNREACH && once_per_peer_add(&outbox->unsent, peer))
        log_event(LOG_LEVEL_WARN, "send_failed", "peer=%" PRIu32 " error=\"%s\"", peer,
                  zmq_strerror(-result));
    dispatch_on_unreachable(outbox->config.dispatch, peer, now_us);
    outbox->lost_peer = true;
}

/* ---- batches ---- */

/* The one of this run, where the worker takes it. */
static enum payload_compression compression_for(const struct outbox *outbox,
                                                const struct dispatch_action *action)
{
    enum payload_compression compression = outbox->config.compression;
    return payload_compression_in(action->compressions, compression) ? compression
                                                                     : PAYLOAD_PLAIN;
}

static enum outbox_outcome send_tasks(struct outbox *outbox, int64_t now_us)
{
    zmq_msg_t payload;
    if (!task_payload_gather(outbox->task_payload, outbox->tasks, outbox->count,
                             &payload))
        return OUTBOX_NO_BYTES;
    struct message message = {.type = MESSAGE_TASK,
                              .task = {.session = outbox->session,
                                       .entries = outbox->tasks,
                                       .count = outbox->count}};
    message.task.compression = task_payload_compress(
        outbox->task_payload, outbox->compression, &payload, now_us);
    send_message(outbox, outbox->peer, &message, &payload, now_us);
    return OUTBOX_OK;
}

static void send_forgets(struct outbox *outbox, int64_t now_us)
{
    struct message message = {.type = MESSAGE_FORGET,
                              .forget = {.session = outbox->session,
                                         .only_queued = outbox->only_queued,
                                         .entries = outbox->forgets,
                                         .count = outbox->count}};
    send_message(outbox, outbox->peer, &message, NULL, now_us);
}

enum outbox_outcome outbox_flush(struct outbox *outbox, int64_t now_us)
{
    enum outbox_outcome outcome = OUTBOX_OK;
    if (outbox->kind == BATCH_TASKS)
        outcome = send_tasks(outbox, now_us);
    else if (outbox->kind == BATCH_FORGETS)
        send_forgets(outbox, now_us);
    outbox->kind = BATCH_NONE;
    outbox->count = 0;
    outbox->bytes = 0;
    return outcome;
}

/* Whether the action may join the open batch. */
static bool fits(const struct outbox *outbox, enum batch_kind kind,
                 const struct dispatch_action *action, uint64_t length)
{
    return outbox->kind == kind && outbox->peer == action->peer &&
           outbox->session == action->session && outbox->count < BATCH_MAX &&
           (kind == BATCH_TASKS
                ? length < ALONE_BYTES && outbox->bytes + length <= BATCH_BYTES
                : outbox->only_queued == action->only_queued);
}

static enum outbox_outcome join(struct outbox *outbox, enum batch_kind kind,
                                const struct dispatch_action *action, uint64_t length,
                                int64_t now_us)
{
    if (fits(outbox, kind, action, length))
        return OUTBOX_OK;
    enum outbox_outcome outcome = outbox_flush(outbox, now_us);
    outbox->kind = kind;
    outbox->peer = action->peer;
    outbox->session = action->session;
    outbox->only_queued = action->only_queued;
    outbox->compression = compression_for(outbox, action);
    return outcome;
}

static enum outbox_outcome
add_task(struct outbox *outbox, const struct dispatch_action *action, int64_t now_us)
{
    const struct chunk *chunk =
        chunk_store_find(outbox->config.chunk_store, action->seq);
    assert(chunk); /* dispatch sends what was cut and not discarded */
    struct slice reference = task_payload_refer(outbox->task_payload, action, chunk);
    uint64_t length = reference.size > 0 ? reference.size : chunk->length;
    enum outbox_outcome outcome = join(outbox, BATCH_TASKS, action, length, now_us);
    outbox->bytes += length;
    task_payload_add(outbox->task_payload, action->seq, reference);
    outbox->tasks[outbox->count++] = (struct task_entry){
        .seq = action->seq,
        .attempt = action->attempt,
        .kind = reference.size > 0 ? TASK_BY_REFERENCE : TASK_BY_VALUE,
        .length = length,
        .records = chunk->records,
        .limit_ms = action->limit_ms,
        .mark = {.data = chunk->mark, .size = chunk->mark_size},
    };
    if (length < ALONE_BYTES || outcome != OUTBOX_OK)
        return outcome;
    return outbox_flush(outbox, now_us);
}

static void add_forget(struct outbox *outbox, const struct dispatch_action *action)
{
    outbox->forgets[outbox->count++] =
        (struct attempt_entry){.seq = action->seq, .attempt = action->attempt};
}

/* ---- single messages ---- */

static struct message welcome(const struct outbox *outbox,
                              const struct dispatch_welcome *welcome)
{
    struct message message = {
        .type = MESSAGE_WELCOME,
        .welcome = {.version = PROTOCOL_VERSION,
                    .uid = outbox->config.uid,
                    .heartbeat_ms = welcome->heartbeat_ms,
                    .liveness_ms = outbox->config.liveness_ms,
                    .max_result = welcome->max_result,
                    .format = slice_of_text(outbox->config.format),
                    .header_out = outbox->config.header_out},
    };
    return message;
}

static struct message welcome_sink(struct outbox *outbox,
                                   const struct dispatch_action *action)
{
    struct message message = welcome(outbox, action->welcome);
    *outbox->capabilities = (struct capability){slice_of_text(CAPABILITY_STALLED)};
    message.welcome.capabilities = outbox->capabilities;
    message.welcome.capability_count = 1;
    message.welcome.buffer = outbox->config.sink_buffer_bytes;
    message.welcome.input = source_input(outbox->config.source);
    return message;
}

static struct message welcome_worker(struct outbox *outbox,
                                     const struct dispatch_action *action)
{
    struct message message = welcome(outbox, action->welcome);
    message.welcome.program = action->welcome->program;
    message.welcome.header = source_header(outbox->config.source);
    message.welcome.session = message.welcome.nonce = action->session;
    message.welcome.run = action->welcome->run;
    message.welcome.epoch = action->welcome->epoch;
    message.welcome.endpoints = outbox->endpoints;
    message.welcome.endpoint_count =
        endpoint_list_entries(action->welcome->endpoints, outbox->endpoints);
    enum payload_compression compression = outbox->config.compression;
    struct capability *can = outbox->capabilities, *end = can;
    if (payload_compression_in(action->welcome->compressions, compression))
        *end++ = payload_compression_capability(compression);
    if (action->welcome->borrows && !outbox->config.by_value)
        (end++)->name = slice_of_text(CAPABILITY_LOANS);
    if (action->welcome->takes_parts)
        (end++)->name = slice_of_text(CAPABILITY_PARTS);
    message.welcome.capabilities = can;
    message.welcome.capability_count = (uint32_t)(end - can);
    return message;
}

static struct message rejection(struct outbox *outbox,
                                const struct dispatch_action *action)
{
    char *text = outbox->rejection;
    size_t size = sizeof outbox->rejection;
    switch (action->reason) {
    case REJECT_MALFORMED:
    case REJECT_TYPE:
        snprintf(text, size,
                 "that is no message of FANFOLD/%d that a ventilator takes: %s",
                 PROTOCOL_VERSION, action->complaint);
        break;
    case REJECT_VERSION:
        snprintf(text, size,
                 "this ventilator speaks FANFOLD/%d, and that was FANFOLD/%" PRIu32
                 ": start programs of one version",
                 PROTOCOL_VERSION, action->version);
        break;
    case REJECT_TAKEN:
        snprintf(
            text, size,
            "this ventilator has a sink already, or another worker with this uuid");
        break;
    case REJECT_STATE:
        snprintf(text, size,
                 "this ventilator cannot go on with that run, or the run's other "
                 "workers are of another mode and its end is near");
        break;
    case REJECT_KEY:
        snprintf(text, size, "%s", action->complaint);
        break;
    }
    return (struct message){
        .type = MESSAGE_REJECT,
        .reject = {.reason = action->reason, .text = slice_of_text(text)}};
}

static struct message ending(const struct outbox *outbox,
                             const struct dispatch_action *action)
{
    return (struct message){.type = MESSAGE_END,
                            .end = {.epoch = action->epoch,
                                    .total = action->seq,
                                    .outcome = action->verdict->outcome,
                                    .status = (uint32_t)action->verdict->status,
                                    .header = source_header(outbox->config.source)}};
}

static struct message stopping(const struct verdict *verdict)
{
    return (struct message){
        .type = MESSAGE_STOP,
        .stop = {.outcome = verdict->outcome, .text = slice_of_text(verdict->text)}};
}

/* The message of an action that is not gathered; it borrows as the action does. */
static struct message single(struct outbox *outbox,
                             const struct dispatch_action *action)
{
    switch ((int)action->kind) {
    case DISPATCH_WELCOME_SINK:
        return welcome_sink(outbox, action);
    case DISPATCH_WELCOME:
        return welcome_worker(outbox, action);
    case DISPATCH_REJECT:
        return rejection(outbox, action);
    case DISPATCH_WHO:
        return (struct message){.type = MESSAGE_WHO};
    case DISPATCH_PONG:
        return (struct message){.type = MESSAGE_PONG};
    case DISPATCH_END:
        return ending(outbox, action);
    case DISPATCH_STOP:
        return stopping(action->verdict);
    case DISPATCH_DRAIN:
        return (struct message){.type = MESSAGE_DRAIN, .drain = {action->session}};
    default:
        assert(action->kind == DISPATCH_GOODBYE || action->kind == DISPATCH_FAREWELL);
        return (struct message){.type = MESSAGE_GOODBYE};
    }
}

static enum outbox_outcome
send_single(struct outbox *outbox, const struct dispatch_action *action, int64_t now_us)
{
    enum outbox_outcome outcome = outbox_flush(outbox, now_us);
    if (action->kind == DISPATCH_REJECT && action->reason == REJECT_MALFORMED &&
        !once_per_peer_add(&outbox->rejected, action->peer))
        return outcome;
    struct message message = single(outbox, action);
    send_message(outbox, action->peer, &message, NULL, now_us);
    return outcome;
}

/* ---- a chunk by itself ---- */

static struct message isolate(const struct dispatch_action *action,
                              const struct chunk *chunk)
{
    return (struct message){
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
                    .tries = action->isolation->tries,
                    .probe = action->isolation->probe,
                    .except = action->isolation->except,
                    .count = action->isolation->count},
    };
}

static struct message skip(const struct dispatch_action *action,
                           const struct chunk *chunk)
{
    const struct dispatch_failure *failure = action->failure;
    return (struct message){
        .type = MESSAGE_SKIP,
        .skip = {.epoch = action->epoch,
                 .seq = failure->seq,
                 .length = chunk->length,
                 .offset = chunk->offset,
                 .record = chunk->first_record,
                 .records = chunk->records,
                 .mark = {.data = chunk->mark, .size = chunk->mark_size},
                 .attempts = failure->attempts,
                 .cause = failure->cause,
                 .code = failure->code,
                 .text = {.data = failure->text, .size = failure->text_size}},
    };
}

/* ISOLATE and SKIP. */
static enum outbox_outcome
send_chunk(struct outbox *outbox, const struct dispatch_action *action, int64_t now_us)
{
    enum outbox_outcome outcome = outbox_flush(outbox, now_us);
    const struct chunk *chunk =
        chunk_store_find(outbox->config.chunk_store, action->seq);
    if (outcome != OUTBOX_OK || !chunk)
        return outcome;
    zmq_msg_t payload;
    if (!chunk_store_take_bytes(outbox->config.chunk_store, action->seq, &payload))
        return OUTBOX_NO_BYTES;
    bool given_up = action->kind == DISPATCH_SKIP;
    struct message message = given_up ? skip(action, chunk) : isolate(action, chunk);
    if (!given_up)
        message.isolate.compression = task_payload_compress(
            outbox->task_payload, compression_for(outbox, action), &payload, now_us);
    send_message(outbox, action->peer, &message, &payload, now_us);
    return OUTBOX_OK;
}

enum outbox_outcome outbox_do(struct outbox *outbox,
                              const struct dispatch_action *action, int64_t now_us)
{
    if (action->kind == DISPATCH_TASK)
        return add_task(outbox, action, now_us);
    if (action->kind == DISPATCH_ISOLATE || action->kind == DISPATCH_SKIP)
        return send_chunk(outbox, action, now_us);
    if (action->kind != DISPATCH_FORGET)
        return send_single(outbox, action, now_us);
    enum outbox_outcome outcome = join(outbox, BATCH_FORGETS, action, 0, now_us);
    add_forget(outbox, action);
    return outcome;
}
