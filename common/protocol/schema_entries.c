/* SPDX-License-Identifier: MIT */
/* The entries of lists, with the fields of each in the order of the wire. */
#include "common/protocol/schema_fields.h"

#define LIST_SCHEMA(entry, list_fields, check)                \
    {                                                         \
        .entry_size = sizeof(entry), .fields = (list_fields), \
        .field_count = COUNT(list_fields), .valid = (check)   \
    }
#define NESTED_SCHEMA(entry, list_fields, check)                              \
    {                                                                         \
        .nested = true, .entry_size = sizeof(entry), .fields = (list_fields), \
        .field_count = COUNT(list_fields), .valid = (check)                   \
    }

_Static_assert(sizeof(enum results_link) == 4 && sizeof(enum entry_state) == 4 &&
                   sizeof(enum failure) == 4 && sizeof(enum outcome) == 4 &&
                   sizeof(enum reject) == 4 && sizeof(enum payload_compression) == 4,
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

static const struct field capability_fields[] = {
    TEXT(capability, name, CAPABILITY_MAX_BYTES),
};
const struct list_schema schema_capability_list =
    LIST_SCHEMA(struct capability, capability_fields, NULL);

static const struct field endpoint_fields[] = {
    TEXT(endpoint_entry, endpoint, NAME_MAX_BYTES),
    BYTES(endpoint_entry, key, KEY_MAX_BYTES),
};
const struct list_schema schema_endpoint_list =
    NESTED_SCHEMA(struct endpoint_entry, endpoint_fields, NULL);

static const struct field ledger_fields[] = {
    ANY(ledger_entry, seq),
    ANY(ledger_entry, attempt),
    NUMBER(ledger_entry, state, 0, ENTRY_DONE),
};
const struct list_schema schema_ledger_list =
    LIST_SCHEMA(struct ledger_entry, ledger_fields, NULL);

static const struct field range_fields[] = {
    ANY(range, first),
    NUMBER(range, count, 1, UINT64_MAX),
};
const struct list_schema schema_range_list =
    LIST_SCHEMA(struct range, range_fields, ranges_fit);

const struct list_schema schema_except_list =
    LIST_SCHEMA(struct range, range_fields, ranges_ascend);

static const struct field bad_fields[] = {
    ANY(bad_record, record), ANY(bad_record, offset),
    ANY(bad_record, length), HOW(bad_record, cause, FAILURE_LOST),
    ANY(bad_record, code),   BYTES(bad_record, text, BAD_TEXT_MAX_BYTES),
};
const struct list_schema schema_bad_list =
    NESTED_SCHEMA(struct bad_record, bad_fields, records_ascend);

static const struct field task_fields[] = {
    ANY(task_entry, seq),
    ANY(task_entry, attempt),
    ANY(task_entry, kind),
    ANY(task_entry, length),
    ANY(task_entry, records),
    ANY(task_entry, limit_ms),
    BYTES(task_entry, mark, MARK_MAX),
};
const struct list_schema schema_task_list =
    NESTED_SCHEMA(struct task_entry, task_fields, NULL);

static const struct field result_fields[] = {
    ANY(result_entry, seq),
    ANY(result_entry, attempt),
    ANY(result_entry, length),
    ANY(result_entry, run_us),
    BYTES(result_entry, mark, MARK_MAX),
    LIST(result_entry, bad, bad_count, 0, BAD_MAX, schema_bad_list),
};
const struct list_schema schema_result_list =
    NESTED_SCHEMA(struct result_entry, result_fields, NULL);

static const struct field done_fields[] = {
    ANY(done_entry, seq),    ANY(done_entry, attempt), ANY(done_entry, waited_us),
    ANY(done_entry, run_us), ANY(done_entry, kept_us), ANY(done_entry, bad),
    FLAG(done_entry, open),
};
const struct list_schema schema_done_list =
    NESTED_SCHEMA(struct done_entry, done_fields, NULL);

static const struct field attempt_fields[] = {
    ANY(attempt_entry, seq),
    ANY(attempt_entry, attempt),
};
const struct list_schema schema_attempt_list =
    LIST_SCHEMA(struct attempt_entry, attempt_fields, NULL);
