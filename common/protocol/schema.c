/* SPDX-License-Identifier: MIT */
/*
 * The table itself, in the order of PROTOCOL.md. The fields of an array here are in the
 * order of the wire.
 */
#include "common/protocol/schema.h"
#include "common/protocol/protocol.h"

static const struct field hello_worker[] = {
    ANY(message, hello_worker.version),
    SET_ID(message, hello_worker.uuid),
    NUMBER(message, hello_worker.nonce, 1, UINT64_MAX),
    TEXT(message, hello_worker.host, NAME_MAX_BYTES),
    ANY(message, hello_worker.pid),
    NUMBER(message, hello_worker.slots, 1, SLOTS_MAX),
    NUMBER(message, hello_worker.link, 0, LINK_UNKNOWN),
    ANY(message, hello_worker.program),
    BYTES(message, hello_worker.command, NAME_MAX_BYTES),
    ID(message, hello_worker.run),
    ANY(message, hello_worker.epoch),
    LIST(message, hello_worker.ledger, hello_worker.count, 0, LEDGER_MAX,
         schema_ledger_list),
    CAPABILITIES(message, hello_worker.capabilities, hello_worker.capability_count),
};

static const struct field hello_sink[] = {
    ANY(message, hello_sink.version),
    SET_ID(message, hello_sink.incarnation),
    NUMBER(message, hello_sink.nonce, 1, UINT64_MAX),
    LIST(message, hello_sink.endpoints, hello_sink.endpoint_count, 1, ENDPOINTS_MAX,
         schema_endpoint_list),
    TEXT(message, hello_sink.host, NAME_MAX_BYTES),
    ANY(message, hello_sink.pid),
    ANY(message, hello_sink.max_result),
    FLAG(message, hello_sink.finished),
    CAPABILITIES(message, hello_sink.capabilities, hello_sink.capability_count),
};

static const struct field welcome[] = {
    ANY(message, welcome.version),
    ID(message, welcome.uid),
    NUMBER(message, welcome.heartbeat_ms, 1, UINT32_MAX),
    NUMBER(message, welcome.liveness_ms, 1, UINT32_MAX),
    ANY(message, welcome.max_result),
    ANY(message, welcome.buffer),
    TEXT(message, welcome.format, FORMAT_MAX_BYTES),
    BYTES(message, welcome.header, RECORDS_HEADER_MAX),
    ANY(message, welcome.session),
    ANY(message, welcome.nonce),
    ID(message, welcome.run),
    ANY(message, welcome.epoch),
    LIST(message, welcome.endpoints, welcome.endpoint_count, 0, ENDPOINTS_MAX,
         schema_endpoint_list),
    ANY(message, welcome.program),
    BYTES(message, welcome.input, INPUT_MAX_BYTES),
    ANY(message, welcome.header_out),
    CAPABILITIES(message, welcome.capabilities, welcome.capability_count),
};

static const struct field reject[] = {
    NUMBER(message, reject.reason, 0, REJECT_KEY),
    BYTES(message, reject.text, TEXT_MAX_BYTES),
};

static const struct field begin[] = {
    ID(message, begin.uid),
    ID(message, begin.run),
    NUMBER(message, begin.epoch, 1, UINT64_MAX),
    ANY(message, begin.position),
    BYTES(message, begin.mark, MARK_MAX),
    BYTES(message, begin.input, INPUT_MAX_BYTES),
    LIST(message, begin.held, begin.count, 0, RANGES_MAX, schema_range_list),
};

static const struct field task[] = {
    ANY(message, task.session),
    LIST(message, task.entries, task.count, 1, BATCH_MAX, schema_task_list),
    COMPRESSION(message, task.compression, PAYLOAD_COMPRESSION_MAX),
};

static const struct field result[] = {
    ID(message, result.run),
    ANY(message, result.epoch),
    ID(message, result.uuid),
    LIST(message, result.entries, result.count, 1, BATCH_MAX, schema_result_list),
    COMPRESSION(message, result.compression, PAYLOAD_PART),
};

static const struct field done[] = {
    ANY(message, done.session),
    LIST(message, done.entries, done.count, 1, BATCH_MAX, schema_done_list),
};

static const struct field failed[] = {
    ANY(message, failed.session), ANY(message, failed.seq),
    ANY(message, failed.attempt), ANY(message, failed.waited_us),
    ANY(message, failed.run_us),  HOW(message, failed.cause, FAILURE_REFERENCE),
    ANY(message, failed.code),    BYTES(message, failed.text, TEXT_MAX_BYTES),
};

static const struct field returned[] = {
    ANY(message, returned.session),
    LIST(message, returned.entries, returned.count, 1, BATCH_MAX, schema_attempt_list),
};

static const struct field forget[] = {
    ANY(message, forget.session),
    FLAG(message, forget.only_queued),
    LIST(message, forget.entries, forget.count, 1, BATCH_MAX, schema_attempt_list),
};

static const struct field progress[] = {
    ANY(message, progress.epoch),
    LIST(message, progress.held, progress.count, 0, RANGES_MAX, schema_range_list),
    ANY(message, progress.released),
    ANY(message, progress.committed),
    ANY(message, progress.bytes),
    ANY(message, progress.parked),
    ANY(message, progress.failed),
};

static const struct field skip[] = {
    ANY(message, skip.epoch),
    ANY(message, skip.seq),
    ANY(message, skip.length),
    ANY(message, skip.offset),
    ANY(message, skip.record),
    ANY(message, skip.records),
    BYTES(message, skip.mark, MARK_MAX),
    ANY(message, skip.attempts),
    HOW(message, skip.cause, FAILURE_LOST),
    ANY(message, skip.code),
    BYTES(message, skip.text, TEXT_MAX_BYTES),
};

static const struct field end[] = {
    ANY(message, end.epoch),
    ANY(message, end.total),
    NUMBER(message, end.outcome, 0, OUTCOME_DOUBT),
    NUMBER(message, end.status, 0, STATUS_MAX),
    BYTES(message, end.header, RECORDS_HEADER_MAX),
};

static const struct field finished[] = {
    ANY(message, finished.epoch),
    NUMBER(message, finished.outcome, 0, OUTCOME_DOUBT),
    NUMBER(message, finished.status, 0, STATUS_MAX),
    BYTES(message, finished.text, TEXT_MAX_BYTES),
    ANY(message, finished.dead_letters),
    ANY(message, finished.bytes),
};

static const struct field stop[] = {
    NUMBER(message, stop.outcome, 0, OUTCOME_DOUBT),
    BYTES(message, stop.text, TEXT_MAX_BYTES),
};

static const struct field goodbye[] = {
    ANY(message, goodbye.session),
};

static const struct field ping[] = {
    ANY(message, ping.session),
    NUMBER(message, ping.link, 0, LINK_UNKNOWN),
    FLAG(message, ping.leaving),
    LIST(message, ping.running, ping.count, 0, LEDGER_MAX, schema_attempt_list),
};

static const struct field isolate[] = {
    ANY(message, isolate.session),
    ANY(message, isolate.seq),
    ANY(message, isolate.attempt),
    ANY(message, isolate.kind),
    ANY(message, isolate.length),
    NUMBER(message, isolate.records, 1, UINT64_MAX),
    ANY(message, isolate.limit_ms),
    BYTES(message, isolate.mark, MARK_MAX),
    ANY(message, isolate.offset),
    ANY(message, isolate.record),
    NUMBER(message, isolate.tries, 1, UINT32_MAX),
    FLAG(message, isolate.probe),
    LIST(message, isolate.except, isolate.count, 0, BAD_MAX, schema_except_list),
    COMPRESSION(message, isolate.compression, PAYLOAD_COMPRESSION_MAX),
};

static const struct field refused[] = {
    ANY(message, refused.epoch),  ID(message, refused.uuid),
    ANY(message, refused.seq),    ANY(message, refused.attempt),
    ANY(message, refused.marked), HOW(message, refused.cause, FAILURE_REFERENCE),
    ANY(message, refused.code),   BYTES(message, refused.text, TEXT_MAX_BYTES),
};

static const struct field unknown[] = {
    ANY(message, unknown.type),
};

static const struct field drain[] = {
    ANY(message, drain.session),
};

static const struct field drained[] = {
    ANY(message, drained.session),
};

static const struct field doubt[] = {
    ANY(message, doubt.session),
    ANY(message, doubt.from),
    BYTES(message, doubt.text, TEXT_MAX_BYTES),
};

static const struct field stalled[] = {
    SET_ID(message, stalled.incarnation),
    ANY(message, stalled.waited_ms),
    BYTES(message, stalled.text, TEXT_MAX_BYTES),
};

/* The fields of a message that is only its type. Not NULL: the decoder adds to it. */
static const struct field none[1];

static bool committed_is_released(const struct message *message)
{
    return message->progress.committed <= message->progress.released;
}

static bool excepts_its_own(const struct message *message)
{
    uint32_t count = message->isolate.count;
    if (count == 0)
        return true;
    const struct range *last = &message->isolate.except[count - 1];
    return last->first + last->count <= message->isolate.records;
}

/* Only a SKIP tells of losses. */
static bool fails_no_loss(const struct message *message)
{
    return message->failed.cause != FAILURE_LOST;
}

static bool refuses_no_loss(const struct message *message)
{
    return message->refused.cause != FAILURE_LOST;
}

static bool task_bytes(const struct message *message, uint64_t *ret_bytes)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < message->task.count; i++)
        if (__builtin_add_overflow(bytes, message->task.entries[i].length, &bytes))
            return false;
    *ret_bytes = bytes;
    return true;
}

static bool result_bytes(const struct message *message, uint64_t *ret_bytes)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < message->result.count; i++) {
        const struct result_entry *entry = &message->result.entries[i];
        if (__builtin_add_overflow(bytes, entry->length, &bytes))
            return false;
        for (uint32_t k = 0; k < entry->bad_count; k++)
            if (__builtin_add_overflow(bytes, entry->bad[k].length, &bytes))
                return false;
    }
    *ret_bytes = bytes;
    return true;
}

static bool isolate_bytes(const struct message *message, uint64_t *ret_bytes)
{
    *ret_bytes = message->isolate.length;
    return true;
}

static bool skip_bytes(const struct message *message, uint64_t *ret_bytes)
{
    *ret_bytes = message->skip.length;
    return true;
}

static enum payload_compression task_compression(const struct message *message)
{
    return message->task.compression;
}

static enum payload_compression result_compression(const struct message *message)
{
    return message->result.compression;
}

static enum payload_compression isolate_compression(const struct message *message)
{
    return message->isolate.compression;
}

#define FIELDS(array) .fields = (array), .field_count = COUNT(array)

static const struct message_schema schemas[] = {
    [MESSAGE_HELLO_WORKER] = {FIELDS(hello_worker), .has_version = true},
    [MESSAGE_HELLO_SINK] = {FIELDS(hello_sink), .has_version = true},
    [MESSAGE_WELCOME] = {FIELDS(welcome), .has_version = true},
    [MESSAGE_REJECT] = {FIELDS(reject)},
    [MESSAGE_BEGIN] = {FIELDS(begin)},
    [MESSAGE_WHO] = {.fields = none},
    [MESSAGE_TASK] = {FIELDS(task), .payload = task_bytes,
                      .compression = task_compression},
    [MESSAGE_RESULT] = {FIELDS(result), .payload = result_bytes,
                        .compression = result_compression},
    [MESSAGE_DONE] = {FIELDS(done)},
    [MESSAGE_FAILED] = {FIELDS(failed), .valid = fails_no_loss},
    [MESSAGE_RETURNED] = {FIELDS(returned)},
    [MESSAGE_FORGET] = {FIELDS(forget)},
    [MESSAGE_PROGRESS] = {FIELDS(progress), .valid = committed_is_released},
    [MESSAGE_SKIP] = {FIELDS(skip), .payload = skip_bytes},
    [MESSAGE_END] = {FIELDS(end)},
    [MESSAGE_FINISHED] = {FIELDS(finished)},
    [MESSAGE_STOP] = {FIELDS(stop)},
    [MESSAGE_GOODBYE] = {FIELDS(goodbye)},
    [MESSAGE_PING] = {FIELDS(ping)},
    [MESSAGE_PONG] = {.fields = none},
    [MESSAGE_ISOLATE] = {FIELDS(isolate), .payload = isolate_bytes,
                         .compression = isolate_compression, .valid = excepts_its_own},
    [MESSAGE_REFUSED] = {FIELDS(refused), .valid = refuses_no_loss},
    [MESSAGE_UNKNOWN] = {FIELDS(unknown)},
    [MESSAGE_DRAIN] = {FIELDS(drain)},
    [MESSAGE_DRAINED] = {FIELDS(drained)},
    [MESSAGE_DOUBT] = {FIELDS(doubt)},
    [MESSAGE_STALLED] = {FIELDS(stalled)},
};

const struct message_schema *schema_of(uint64_t type)
{
    if (type == 0 || type >= COUNT(schemas))
        return NULL;
    return &schemas[type];
}

enum payload_compression message_compression(const struct message *message,
                                             uint64_t *ret_bytes)
{
    const struct message_schema *schema = schema_of(message->type);
    if (!schema || !schema->compression || !schema->payload(message, ret_bytes))
        return PAYLOAD_PLAIN;
    return schema->compression(message);
}

bool message_has_payload(enum message_type type)
{
    const struct message_schema *schema = schema_of(type);
    return schema && schema->payload;
}
