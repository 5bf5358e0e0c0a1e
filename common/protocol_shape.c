/* SPDX-License-Identifier: MIT */
/*
 * The table itself, in the order of PROTOCOL.md. A field's place in an array here is
 * its place on the wire.
 */
#include "common/protocol_shape.h"
#include "common/protocol.h"

#define COUNT(array)        (sizeof(array) / sizeof((array)[0]))
#define SIZE_OF(of, member) sizeof(((struct of *)NULL)->member)
#define PLACE(of, member) \
    .offset = offsetof(struct of, member), .size = SIZE_OF(of, member)

#define NUMBER(of, member, low, high)                                        \
    {                                                                        \
        .kind = FIELD_NUMBER, PLACE(of, member), .min = (low), .max = (high) \
    }
#define ANY(of, member) \
    NUMBER(of, member, 0, SIZE_OF(of, member) == 4 ? UINT32_MAX : UINT64_MAX)
#define FLAG(of, member)                      \
    {                                         \
        .kind = FIELD_FLAG, PLACE(of, member) \
    }
#define ID(of, member)                      \
    {                                       \
        .kind = FIELD_ID, PLACE(of, member) \
    }
#define TEXT(of, member, high)                               \
    {                                                        \
        .kind = FIELD_TEXT, PLACE(of, member), .max = (high) \
    }
#define BYTES(of, member, high)                               \
    {                                                         \
        .kind = FIELD_BYTES, PLACE(of, member), .max = (high) \
    }
#define LIST(of, member, counter, low, high, shape)                                   \
    {                                                                                 \
        .kind = FIELD_LIST, .offset = offsetof(struct of, member), .min = (low),      \
        .max = (high), .count_offset = offsetof(struct of, counter), .list = &(shape) \
    }

_Static_assert(sizeof(enum way) == 4 && sizeof(enum entry_state) == 4 &&
                   sizeof(enum failure) == 4 && sizeof(enum outcome) == 4 &&
                   sizeof(enum reject) == 4,
               "an enum is read and written as a number of 4 bytes");

static bool ranges_fit(const void *entries, uint32_t count)
{
    const struct range *ranges = entries;
    for (uint32_t i = 0; i < count; i++)
        if (ranges[i].count > UINT64_MAX - ranges[i].first)
            return false;
    return true;
}

/* Ascending, and none overlaps the next. */
static bool ranges_ascend(const void *entries, uint32_t count)
{
    const struct range *ranges = entries;
    if (!ranges_fit(entries, count))
        return false;
    for (uint32_t i = 1; i < count; i++)
        if (ranges[i - 1].first + ranges[i - 1].count > ranges[i].first)
            return false;
    return true;
}

static bool records_ascend(const void *entries, uint32_t count)
{
    const struct bad_record *bad = entries;
    for (uint32_t i = 1; i < count; i++)
        if (bad[i - 1].record >= bad[i].record)
            return false;
    return true;
}

#define LIST_SHAPE(entry, list_fields, check)                 \
    {                                                         \
        .entry_size = sizeof(entry), .fields = (list_fields), \
        .field_count = COUNT(list_fields), .valid = (check)   \
    }

static const struct field ledger_fields[] = {
    ANY(ledger_entry, seq),
    ANY(ledger_entry, attempt),
    NUMBER(ledger_entry, state, 0, ENTRY_DONE),
};
static const struct list_shape ledger_list =
    LIST_SHAPE(struct ledger_entry, ledger_fields, NULL);

static const struct field range_fields[] = {
    ANY(range, first),
    NUMBER(range, count, 1, UINT64_MAX),
};
static const struct list_shape range_list =
    LIST_SHAPE(struct range, range_fields, ranges_fit);

static const struct list_shape except_list =
    LIST_SHAPE(struct range, range_fields, ranges_ascend);

static const struct field bad_fields[] = {
    ANY(bad_record, record), ANY(bad_record, offset),
    ANY(bad_record, length), NUMBER(bad_record, how, 0, FAILURE_LOST),
    ANY(bad_record, code),   BYTES(bad_record, text, BAD_TEXT_MAX_BYTES),
};
static const struct list_shape bad_list =
    LIST_SHAPE(struct bad_record, bad_fields, records_ascend);

static const struct field task_fields[] = {
    ANY(task_entry, seq),      ANY(task_entry, attempt),
    ANY(task_entry, length),   ANY(task_entry, records),
    ANY(task_entry, limit_ms), BYTES(task_entry, mark, MARK_MAX),
};
static const struct list_shape task_list =
    LIST_SHAPE(struct task_entry, task_fields, NULL);

static const struct field result_fields[] = {
    ANY(result_entry, seq),
    ANY(result_entry, attempt),
    ANY(result_entry, length),
    ANY(result_entry, run_us),
    BYTES(result_entry, mark, MARK_MAX),
    LIST(result_entry, bad, bad_count, 0, BAD_MAX, bad_list),
};
static const struct list_shape result_list =
    LIST_SHAPE(struct result_entry, result_fields, NULL);

static const struct field done_fields[] = {
    ANY(done_entry, seq),
    ANY(done_entry, attempt),
    ANY(done_entry, run_us),
};
static const struct list_shape done_list =
    LIST_SHAPE(struct done_entry, done_fields, NULL);

static const struct field attempt_fields[] = {
    ANY(attempt_entry, seq),
    ANY(attempt_entry, attempt),
};
static const struct list_shape attempt_list =
    LIST_SHAPE(struct attempt_entry, attempt_fields, NULL);

static const struct field hello_worker[] = {
    ANY(message, hello_worker.version),
    ID(message, hello_worker.uuid),
    ANY(message, hello_worker.nonce),
    TEXT(message, hello_worker.host, NAME_MAX_BYTES),
    ANY(message, hello_worker.pid),
    NUMBER(message, hello_worker.slots, 1, SLOTS_MAX),
    NUMBER(message, hello_worker.way, 0, WAY_UNKNOWN),
    ANY(message, hello_worker.program),
    BYTES(message, hello_worker.command, NAME_MAX_BYTES),
    ID(message, hello_worker.run),
    ANY(message, hello_worker.epoch),
    LIST(message, hello_worker.ledger, hello_worker.count, 0, LEDGER_MAX, ledger_list),
};

static const struct field hello_sink[] = {
    ANY(message, hello_sink.version),
    ID(message, hello_sink.incarnation),
    ANY(message, hello_sink.nonce),
    TEXT(message, hello_sink.endpoint, NAME_MAX_BYTES),
    TEXT(message, hello_sink.host, NAME_MAX_BYTES),
    ANY(message, hello_sink.pid),
    ANY(message, hello_sink.max_result),
    FLAG(message, hello_sink.finished),
};

static const struct field welcome[] = {
    NUMBER(message, welcome.version, PROTOCOL_VERSION, PROTOCOL_VERSION),
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
    TEXT(message, welcome.endpoint, NAME_MAX_BYTES),
    ANY(message, welcome.program),
    BYTES(message, welcome.input, INPUT_MAX_BYTES),
    ANY(message, welcome.header_out),
};

static const struct field reject[] = {
    NUMBER(message, reject.reason, 0, REJECT_STATE),
    BYTES(message, reject.text, TEXT_MAX_BYTES),
};

static const struct field begin[] = {
    ID(message, begin.uid),
    ID(message, begin.run),
    NUMBER(message, begin.epoch, 1, UINT64_MAX),
    ANY(message, begin.position),
    BYTES(message, begin.mark, MARK_MAX),
    BYTES(message, begin.input, INPUT_MAX_BYTES),
    LIST(message, begin.held, begin.count, 0, RANGES_MAX, range_list),
};

static const struct field task[] = {
    ANY(message, task.session),
    LIST(message, task.entries, task.count, 1, BATCH_MAX, task_list),
};

static const struct field result[] = {
    ID(message, result.run),
    ANY(message, result.epoch),
    LIST(message, result.entries, result.count, 1, BATCH_MAX, result_list),
};

static const struct field done[] = {
    ANY(message, done.session),
    LIST(message, done.entries, done.count, 1, BATCH_MAX, done_list),
};

static const struct field failed[] = {
    ANY(message, failed.session),
    ANY(message, failed.seq),
    ANY(message, failed.attempt),
    ANY(message, failed.run_us),
    NUMBER(message, failed.how, 0, FAILURE_REPORTED),
    ANY(message, failed.code),
    BYTES(message, failed.text, TEXT_MAX_BYTES),
};

static const struct field returned[] = {
    ANY(message, returned.session),
    LIST(message, returned.entries, returned.count, 1, BATCH_MAX, attempt_list),
};

static const struct field forget[] = {
    ANY(message, forget.session),
    FLAG(message, forget.only_queued),
    LIST(message, forget.entries, forget.count, 1, BATCH_MAX, attempt_list),
};

static const struct field progress[] = {
    ANY(message, progress.epoch),
    LIST(message, progress.held, progress.count, 0, RANGES_MAX, range_list),
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
    NUMBER(message, skip.how, 0, FAILURE_LOST),
    ANY(message, skip.code),
    BYTES(message, skip.text, TEXT_MAX_BYTES),
};

static const struct field end[] = {
    ANY(message, end.epoch),
    ANY(message, end.total),
    NUMBER(message, end.outcome, 0, OUTCOME_INTERRUPTED),
    NUMBER(message, end.status, 0, STATUS_MAX),
    BYTES(message, end.header, RECORDS_HEADER_MAX),
};

static const struct field finished[] = {
    ANY(message, finished.epoch),
    NUMBER(message, finished.outcome, 0, OUTCOME_INTERRUPTED),
    NUMBER(message, finished.status, 0, STATUS_MAX),
    BYTES(message, finished.text, TEXT_MAX_BYTES),
    ANY(message, finished.dead_letters),
    ANY(message, finished.bytes),
};

static const struct field stop[] = {
    NUMBER(message, stop.outcome, 0, OUTCOME_INTERRUPTED),
    BYTES(message, stop.text, TEXT_MAX_BYTES),
};

static const struct field goodbye[] = {
    ANY(message, goodbye.session),
};

static const struct field ping[] = {
    ANY(message, ping.session),
    NUMBER(message, ping.way, 0, WAY_UNKNOWN),
    FLAG(message, ping.leaving),
    LIST(message, ping.running, ping.count, 0, LEDGER_MAX, attempt_list),
};

static const struct field isolate[] = {
    ANY(message, isolate.session),
    ANY(message, isolate.seq),
    ANY(message, isolate.attempt),
    ANY(message, isolate.length),
    NUMBER(message, isolate.records, 1, UINT64_MAX),
    ANY(message, isolate.limit_ms),
    BYTES(message, isolate.mark, MARK_MAX),
    ANY(message, isolate.offset),
    ANY(message, isolate.record),
    NUMBER(message, isolate.tries, 1, UINT32_MAX),
    FLAG(message, isolate.probe),
    LIST(message, isolate.except, isolate.count, 0, BAD_MAX, except_list),
};

/* A message that is nothing but its type: never NULL, as it is counted from. */
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

#define FIELDS(array) .fields = (array), .field_count = COUNT(array)

static const struct shape shapes[] = {
    [MESSAGE_HELLO_WORKER] = {FIELDS(hello_worker), .is_hello = true},
    [MESSAGE_HELLO_SINK] = {FIELDS(hello_sink), .is_hello = true},
    [MESSAGE_WELCOME] = {FIELDS(welcome)},
    [MESSAGE_REJECT] = {FIELDS(reject)},
    [MESSAGE_BEGIN] = {FIELDS(begin)},
    [MESSAGE_WHO] = {.fields = none},
    [MESSAGE_TASK] = {FIELDS(task), .payload = task_bytes},
    [MESSAGE_RESULT] = {FIELDS(result), .payload = result_bytes},
    [MESSAGE_DONE] = {FIELDS(done)},
    [MESSAGE_FAILED] = {FIELDS(failed)},
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
                         .valid = excepts_its_own},
};

const struct shape *shape_of(uint64_t type)
{
    if (type == 0 || type >= COUNT(shapes))
        return NULL;
    return &shapes[type];
}

bool message_has_payload(enum message_type type)
{
    const struct shape *shape = shape_of(type);
    return shape != NULL && shape->payload != NULL;
}
