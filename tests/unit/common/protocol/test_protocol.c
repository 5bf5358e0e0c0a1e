/* SPDX-License-Identifier: MIT */
/*
 * FANFOLD/2 on the wire: golden bytes both ways, every error by its name, every
 * truncation of every golden message.
 */
#include "tests/unit/common/protocol/golden.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    uint8_t *data;
    size_t size;
};

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static struct bytes from_hex(const char *hex)
{
    struct bytes bytes = {.size = strlen(hex) / 2};
    bytes.data = malloc(bytes.size > 0 ? bytes.size : 1);
    cr_assert_not_null(bytes.data);
    for (size_t i = 0; i < bytes.size; i++)
        bytes.data[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return bytes;
}

/* A copy of exactly `size` bytes, so that a sanitizer sees a read beyond it. */
static enum decode_error decode_first(struct bytes bytes, size_t size, size_t payload)
{
    struct decoder *decoder = decoder_new();
    uint8_t *exact = malloc(size > 0 ? size : 1);
    cr_assert_not_null(exact);
    memcpy(exact, bytes.data, size);
    struct message message;
    enum decode_error error = decoder_read(decoder, exact, size, payload, &message);
    free(exact);
    decoder_destroy(&decoder);
    return error;
}

static enum decode_error decode_hex(const char *hex, size_t payload)
{
    struct bytes bytes = from_hex(hex);
    enum decode_error error = decode_first(bytes, bytes.size, payload);
    free(bytes.data);
    return error;
}

static void expect_error(const char *hex, size_t payload, enum decode_error wanted)
{
    enum decode_error error = decode_hex(hex, payload);
    cr_assert_eq(error, wanted, "%s: \"%s\" instead of \"%s\"", hex,
                 decode_error_text(error), decode_error_text(wanted));
}

static void expect_bytes(struct slice slice, struct bytes bytes, const char *name)
{
    cr_assert_eq(slice.size, bytes.size, "%s: %zu bytes, not %zu", name, slice.size,
                 bytes.size);
    cr_assert_eq(memcmp(slice.data, bytes.data, bytes.size), 0, "%s", name);
}

Test(protocol, encodes_every_golden_message_to_its_exact_bytes)
{
    struct encoder *encoder = encoder_new();
    for (size_t i = 0; i < golden_count; i++) {
        struct bytes bytes = from_hex(goldens[i].hex);
        expect_bytes(encoder_write(encoder, &goldens[i].message), bytes,
                     goldens[i].name);
        free(bytes.data);
    }
    encoder_destroy(&encoder);
    cr_assert_null(encoder);
}

Test(protocol, decodes_every_golden_message_and_encodes_it_to_the_same_bytes)
{
    struct encoder *encoder = encoder_new();
    struct decoder *decoder = decoder_new();
    for (size_t i = 0; i < golden_count; i++) {
        struct bytes bytes = from_hex(goldens[i].hex);
        struct message message;
        enum decode_error error = decoder_read(decoder, bytes.data, bytes.size,
                                               goldens[i].payload_size, &message);
        cr_assert_eq(error, DECODE_NONE, "%s: %s", goldens[i].name,
                     decode_error_text(error));
        expect_bytes(encoder_write(encoder, &message), bytes, goldens[i].name);
        free(bytes.data);
    }
    encoder_destroy(&encoder);
    decoder_destroy(&decoder);
    cr_assert_null(decoder);
}

Test(protocol, has_golden_bytes_for_every_type)
{
    bool seen[32] = {false};
    for (size_t i = 0; i < golden_count; i++)
        seen[goldens[i].message.type] = true;
#define X(name, number) cr_assert(seen[number], #name);
    MESSAGE_TYPES(X)
#undef X
}

Test(protocol, refuses_every_truncation_of_every_golden_message_by_name)
{
    for (size_t i = 0; i < golden_count; i++) {
        struct bytes bytes = from_hex(goldens[i].hex);
        for (size_t size = 0; size < bytes.size; size++) {
            enum decode_error error =
                decode_first(bytes, size, goldens[i].payload_size);
            cr_assert_eq(error, size == 0 ? DECODE_EMPTY : DECODE_SYNTAX,
                         "%s cut to %zu: %s", goldens[i].name, size,
                         decode_error_text(error));
        }
        free(bytes.data);
    }
}

Test(protocol, survives_every_change_of_one_byte_of_every_golden_message)
{
    for (size_t i = 0; i < golden_count; i++) {
        struct bytes bytes = from_hex(goldens[i].hex);
        for (size_t at = 0; at < bytes.size; at++)
            for (unsigned change = 1; change < 256; change++) {
                bytes.data[at] ^= (uint8_t)change;
                decode_first(bytes, bytes.size, goldens[i].payload_size);
                bytes.data[at] ^= (uint8_t)change;
            }
        free(bytes.data);
    }
}

static const struct golden *golden(const char *name)
{
    for (size_t i = 0; i < golden_count; i++)
        if (strcmp(goldens[i].name, name) == 0)
            return &goldens[i];
    cr_assert_fail("no golden message %s", name);
    return NULL;
}

static bool same_slice(struct slice a, struct slice b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

Test(protocol, decodes_a_hello_field_by_field)
{
    const struct golden *again = golden("hello_worker_again");
    struct bytes bytes = from_hex(again->hex);
    struct decoder *decoder = decoder_new();
    struct message got;
    cr_assert_eq(decoder_read(decoder, bytes.data, bytes.size, PAYLOAD_NONE, &got),
                 DECODE_NONE);
    const struct message *wanted = &again->message;
    cr_assert_eq(got.type, MESSAGE_HELLO_WORKER);
    cr_assert_eq(got.hello_worker.version, 2);
    cr_assert_arr_eq(&got.hello_worker.uuid, &wanted->hello_worker.uuid, 16);
    cr_assert_eq(got.hello_worker.nonce, 8);
    cr_assert(same_slice(got.hello_worker.host, wanted->hello_worker.host));
    cr_assert_eq(got.hello_worker.pid, 812);
    cr_assert_eq(got.hello_worker.slots, 2);
    cr_assert_eq(got.hello_worker.link, LINK_OPEN);
    cr_assert_eq(got.hello_worker.program, 0x0123456789ABCDEF);
    cr_assert(same_slice(got.hello_worker.command, wanted->hello_worker.command));
    cr_assert_arr_eq(&got.hello_worker.run, &wanted->hello_worker.run, 16);
    cr_assert_eq(got.hello_worker.epoch, 1);
    cr_assert_eq(got.hello_worker.count, 3);
    cr_assert_eq(got.hello_worker.ledger[2].seq, 70000);
    cr_assert_eq(got.hello_worker.ledger[2].attempt, 11);
    cr_assert_eq(got.hello_worker.ledger[1].state, ENTRY_RUNNING);
    decoder_destroy(&decoder);
    free(bytes.data);
}

static void expect_bad(const struct bad_record *got, const struct bad_record *wanted)
{
    cr_assert_eq(got->record, wanted->record);
    cr_assert_eq(got->offset, wanted->offset);
    cr_assert_eq(got->length, wanted->length);
    cr_assert_eq(got->cause, wanted->cause);
    cr_assert_eq(got->code, wanted->code);
    cr_assert(same_slice(got->text, wanted->text));
}

Test(protocol, keeps_the_bad_records_of_each_result_apart)
{
    struct bad_record first[] = {
        {1, 10, 5, FAILURE_EXIT, 3, slice_of_text("no")},
        {2, 20, 0, FAILURE_SIGNAL, 11, slice_of_text("")},
    };
    struct bad_record third[] = {
        {3, 30, 1, FAILURE_TIMEOUT, 0, slice_of_text("slow")},
        {1000, UINT64_MAX, 2, FAILURE_LOST, 0, slice_of_text("")},
        {UINT64_MAX, 50, 4, FAILURE_REPORTED, UINT32_MAX, slice_of_text("said so")},
    };
    struct result_entry entries[] = {
        {.seq = 1, .length = 100, .bad = first, .bad_count = 2},
        {.seq = 2, .length = 200},
        {.seq = 3, .length = 300, .bad = third, .bad_count = 3},
    };
    struct message message = {.type = MESSAGE_RESULT,
                              .result = {.entries = entries, .count = 3}};
    struct encoder *encoder = encoder_new();
    struct decoder *decoder = decoder_new();
    struct slice slice = encoder_write(encoder, &message);
    struct message got;
    cr_assert_eq(decoder_read(decoder, slice.data, slice.size, 612, &got), DECODE_NONE);
    cr_assert_eq(got.result.count, 3);
    cr_assert_eq(got.result.entries[0].bad_count, 2);
    cr_assert_eq(got.result.entries[1].bad_count, 0);
    cr_assert_eq(got.result.entries[2].bad_count, 3);
    for (size_t i = 0; i < 2; i++)
        expect_bad(&got.result.entries[0].bad[i], &first[i]);
    for (size_t i = 0; i < 3; i++)
        expect_bad(&got.result.entries[2].bad[i], &third[i]);
    encoder_destroy(&encoder);
    decoder_destroy(&decoder);
}

Test(protocol, decodes_an_isolate_field_by_field)
{
    const struct golden *probe = golden("isolate_probe");
    struct bytes bytes = from_hex(probe->hex);
    struct decoder *decoder = decoder_new();
    struct message got;
    cr_assert_eq(decoder_read(decoder, bytes.data, bytes.size, 25, &got), DECODE_NONE);
    cr_assert_eq(got.type, MESSAGE_ISOLATE);
    cr_assert_eq(got.isolate.session, 8);
    cr_assert_eq(got.isolate.seq, 4);
    cr_assert_eq(got.isolate.attempt, 8);
    cr_assert_eq(got.isolate.length, 25);
    cr_assert_eq(got.isolate.records, 5);
    cr_assert_eq(got.isolate.limit_ms, 0);
    cr_assert(same_slice(got.isolate.mark, probe->message.isolate.mark));
    cr_assert_eq(got.isolate.offset, 300);
    cr_assert_eq(got.isolate.record, 299);
    cr_assert_eq(got.isolate.tries, 2);
    cr_assert(got.isolate.probe);
    cr_assert_eq(got.isolate.count, 2);
    cr_assert_eq(got.isolate.except[1].first, 4);
    cr_assert_eq(got.isolate.except[1].count, 1);
    decoder_destroy(&decoder);
    free(bytes.data);
}

Test(protocol, carries_the_most_bad_records_with_the_longest_texts)
{
    static const uint8_t text[BAD_TEXT_MAX_BYTES], mark[MARK_MAX];
    struct bad_record *bad = calloc(BAD_MAX, sizeof(*bad));
    cr_assert_not_null(bad);
    for (uint64_t i = 0; i < BAD_MAX; i++)
        bad[i] = (struct bad_record){
            UINT64_MAX - BAD_MAX + i, UINT64_MAX, 1ULL << 40, FAILURE_LOST, UINT32_MAX,
            {text, sizeof(text)}};
    struct result_entry entry = {UINT64_MAX,          UINT32_MAX, 0,      UINT64_MAX,
                                 {mark, sizeof mark}, bad,        BAD_MAX};
    struct message message = {
        .type = MESSAGE_RESULT,
        .result = {.epoch = UINT64_MAX, .entries = &entry, .count = 1}};
    struct encoder *encoder = encoder_new();
    struct decoder *decoder = decoder_new();
    struct slice slice = encoder_write(encoder, &message);
    struct message got;
    cr_assert_leq(slice.size, HEADER_MAX);
    cr_assert_eq(
        decoder_read(decoder, slice.data, slice.size, (size_t)BAD_MAX << 40, &got),
        DECODE_NONE);
    cr_assert_eq(got.result.entries[0].bad_count, BAD_MAX);
    expect_bad(&got.result.entries[0].bad[BAD_MAX - 1], &bad[BAD_MAX - 1]);
    encoder_destroy(&encoder);
    decoder_destroy(&decoder);
    free(bad);
}

Test(protocol, carries_every_list_at_its_bound)
{
    struct range *ranges = calloc(RANGES_MAX, sizeof(*ranges));
    struct task_entry *tasks = calloc(BATCH_MAX, sizeof(*tasks));
    static const uint8_t mark[MARK_MAX];
    for (uint64_t i = 0; i < RANGES_MAX; i++)
        ranges[i] = (struct range){UINT64_MAX - 3 * (RANGES_MAX - i), 2};
    for (uint64_t i = 0; i < BATCH_MAX; i++)
        tasks[i] = (struct task_entry){UINT64_MAX,      UINT32_MAX, UINT32_MAX,
                                       1ULL << 40,      UINT64_MAX, UINT32_MAX,
                                       {mark, MARK_MAX}};
    struct message begin = {.type = MESSAGE_BEGIN,
                            .begin = {.epoch = 1, .held = ranges, .count = RANGES_MAX}};
    struct message task = {.type = MESSAGE_TASK,
                           .task = {.entries = tasks, .count = BATCH_MAX}};
    struct encoder *encoder = encoder_new();
    struct decoder *decoder = decoder_new();
    struct message got;
    struct slice slice = encoder_write(encoder, &begin);
    cr_assert_eq(decoder_read(decoder, slice.data, slice.size, PAYLOAD_NONE, &got),
                 DECODE_NONE);
    cr_assert_arr_eq(got.begin.held, ranges, RANGES_MAX * sizeof(*ranges));
    slice = encoder_write(encoder, &task);
    cr_assert_eq(
        decoder_read(decoder, slice.data, slice.size, (size_t)BATCH_MAX << 40, &got),
        DECODE_NONE);
    cr_assert_eq(got.task.count, BATCH_MAX);
    cr_assert_eq(got.task.entries[BATCH_MAX - 1].mark.size, MARK_MAX);
    encoder_destroy(&encoder);
    decoder_destroy(&decoder);
    free(ranges);
    free(tasks);
}

Test(protocol, reads_no_more_than_the_version_of_a_hello_of_another_version)
{
    struct bytes bytes = from_hex("9302fec1ff");
    bytes.data[2] = 9;
    struct decoder *decoder = decoder_new();
    struct message got;
    cr_assert_eq(decoder_read(decoder, bytes.data, bytes.size, 12, &got), DECODE_NONE);
    cr_assert_eq(got.type, MESSAGE_HELLO_SINK);
    cr_assert_eq(got.hello_sink.version, 9);
    cr_assert_eq(got.hello_sink.endpoint_count, 0);
    decoder_destroy(&decoder);
    free(bytes.data);
}

Test(protocol, leaves_the_message_alone_when_it_refuses)
{
    struct decoder *decoder = decoder_new();
    struct message message = {.type = MESSAGE_GOODBYE, .goodbye = {42}};
    cr_assert_eq(decoder_read(decoder, "\x92\x12\xff", 3, PAYLOAD_NONE, &message),
                 DECODE_RANGE);
    cr_assert_eq(message.type, MESSAGE_GOODBYE);
    cr_assert_eq(message.goodbye.session, 42);
    decoder_destroy(&decoder);
}

Test(protocol, names_every_type_and_none_else)
{
    cr_assert_str_eq(message_type_name(MESSAGE_HELLO_WORKER), "HELLO_WORKER");
    cr_assert_str_eq(message_type_name(MESSAGE_ISOLATE), "ISOLATE");
    cr_assert_str_eq(message_type_name((enum message_type)0), "?");
    cr_assert_str_eq(message_type_name(MESSAGE_DOUBT), "DOUBT");
    cr_assert_str_eq(message_type_name(MESSAGE_STALLED), "STALLED");
    cr_assert_str_eq(message_type_name((enum message_type)28), "?");
}

Test(protocol, has_a_payload_for_task_isolate_result_and_skip_only)
{
#define X(name, number)                                                  \
    cr_assert_eq(message_has_payload(number),                            \
                 number == MESSAGE_TASK || number == MESSAGE_ISOLATE ||  \
                     number == MESSAGE_RESULT || number == MESSAGE_SKIP, \
                 #name);
    MESSAGE_TYPES(X)
#undef X
}

/* Adds the hex digits of a line that begins with four blanks and holds nothing else. */
static bool add_hex(const char *line, char *hex, size_t hex_size)
{
    size_t length = strspn(line + strspn(line, " "), "0123456789abcdef");
    bool is_hex = strncmp(line, "    ", 4) == 0 && length > 0 &&
                  line[4 + length] == '\n' && strlen(hex) + length < hex_size;
    if (is_hex)
        strncat(hex, line + 4, length);
    return is_hex;
}

static bool is_golden(const char *hex)
{
    for (size_t i = 0; i < golden_count; i++)
        if (strcmp(goldens[i].hex, hex) == 0)
            return true;
    return false;
}

Test(protocol, is_quoted_in_its_document_with_its_golden_bytes)
{
    char line[1024], hex[4096] = "";
    unsigned blocks = 0;
    FILE *document = fopen(PROTOCOL_DOCUMENT, "re");
    cr_assert_not_null(document, "%s", PROTOCOL_DOCUMENT);
    while (fgets(line, sizeof(line), document) != NULL) {
        if (add_hex(line, hex, sizeof(hex)) || hex[0] == '\0')
            continue;
        cr_assert(is_golden(hex), "%s", hex);
        blocks++;
        hex[0] = '\0';
    }
    fclose(document);
    cr_assert_geq(blocks, 20, "%u blocks", blocks);
}

/* The errors, one by one. */

Test(decode_error, empty_is_a_frame_of_no_bytes)
{
    expect_error("", PAYLOAD_NONE, DECODE_EMPTY);
}

Test(decode_error, too_long_is_a_frame_above_2_MiB)
{
    struct bytes bytes = {calloc(1, HEADER_MAX + 1), HEADER_MAX + 1};
    cr_assert_eq(decode_first(bytes, HEADER_MAX + 1, PAYLOAD_NONE), DECODE_TOO_LONG);
    cr_assert_eq(decode_first(bytes, HEADER_MAX, PAYLOAD_NONE), DECODE_NOT_ARRAY);
    free(bytes.data);
}

Test(decode_error, syntax_is_a_byte_that_msgpack_does_not_know_or_a_message_cut_short)
{
    expect_error("9212c1", PAYLOAD_NONE, DECODE_SYNTAX);
    expect_error("9212", PAYLOAD_NONE, DECODE_SYNTAX);
    expect_error("931100c6ffffffff", PAYLOAD_NONE, DECODE_SYNTAX);
}

Test(decode_error, trailing_is_a_byte_after_the_array)
{
    expect_error("910600", PAYLOAD_NONE, DECODE_TRAILING);
}

Test(decode_error, not_array_is_any_other_value)
{
    expect_error("06", PAYLOAD_NONE, DECODE_NOT_ARRAY);
    expect_error("810606", PAYLOAD_NONE, DECODE_NOT_ARRAY);
    expect_error("c0", PAYLOAD_NONE, DECODE_NOT_ARRAY);
}

#define RESULT_HEAD                                  \
    "9508c410d0d1d2d3d4d5d6d7d8d9dadbdcdddedf01c410" \
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
#define BAD_LIST "919602030009c40092" /* an entry, up to two bad records */
#define ISOLATE  "9e150702040018"     /* session 7, seq 2, attempt 4, 24 bytes */

Test(decode_error, depth_is_nine_arrays_in_what_is_skipped)
{
    expect_error("92069191919191919101", PAYLOAD_NONE, DECODE_NONE);
    expect_error("9206919191919191919101", PAYLOAD_NONE, DECODE_DEPTH);
    expect_error("920681018101810181018101810181018101", PAYLOAD_NONE, DECODE_DEPTH);
}

Test(protocol, skips_what_a_later_version_has_behind_its_fields)
{
    struct decoder *decoder = decoder_new();
    struct bytes bytes =
        from_hex("9509079198000102030405c206929091a161cb3ff8000000000000");
    struct message got;
    enum decode_error error =
        decoder_read(decoder, bytes.data, bytes.size, PAYLOAD_NONE, &got);
    cr_assert_eq(error, DECODE_NONE, "%s", decode_error_text(error));
    cr_assert_eq(got.done.count, 1);
    cr_assert_eq(got.done.entries[0].kept_us, 4);
    free(bytes.data);
    decoder_destroy(&decoder);
}

Test(protocol, refuses_what_is_no_msgpack_behind_its_fields)
{
    expect_error("9206c1", PAYLOAD_NONE, DECODE_SYNTAX);
    expect_error("920692c1", PAYLOAD_NONE, DECODE_SYNTAX);
    expect_error("93060192", PAYLOAD_NONE, DECODE_SYNTAX);
    expect_error("92060100", PAYLOAD_NONE, DECODE_TRAILING);
    expect_error("9206dfffffffff", PAYLOAD_NONE, DECODE_SYNTAX);
}

static const char *complaint(const char *hex)
{
    static char text[200];
    struct bytes bytes = from_hex(hex);
    struct decoder *decoder = decoder_new();
    struct message got;
    enum decode_error error =
        decoder_read(decoder, bytes.data, bytes.size, PAYLOAD_NONE, &got);
    cr_assert_neq(error, DECODE_NONE);
    decoder_complain(decoder, error, text, sizeof text);
    decoder_destroy(&decoder);
    free(bytes.data);
    return text;
}

Test(protocol, names_the_type_and_the_field_that_is_wrong)
{
    cr_assert_str_eq(complaint("c0"), "not an array");
    cr_assert_str_eq(complaint("9112"), "GOODBYE: fields are missing");
    cr_assert_str_eq(complaint("9212ff"),
                     "GOODBYE, field 1, session: a number is out of its bounds");
    cr_assert_str_eq(complaint("95130005c290"),
                     "PING, field 2, link: a number is out of its bounds");
    cr_assert_str_eq(complaint("93090791970001a0"),
                     "DONE, field 2, waited_us: a field has the wrong type");
    cr_assert_str_eq(complaint("980d01900102000000"),
                     "PROGRESS: a value that does not go with the others");
    cr_assert_str_eq(complaint("9e0102c410000000000000000000000000000000000700"),
                     "HELLO_WORKER, field 2, uuid: an id of zeros, where 16 random "
                     "bytes belong");
    cr_assert_str_eq(complaint("9e0102c410a0a1a2a3a4a5a6a7a8a9aaabacadaeaf00"),
                     "HELLO_WORKER, field 3, nonce: a number is out of its bounds");
}

Test(decode_error, unknown_type_is_a_number_that_no_message_has)
{
    expect_error("9100", PAYLOAD_NONE, DECODE_UNKNOWN_TYPE);
    expect_error("911c", PAYLOAD_NONE, DECODE_UNKNOWN_TYPE);
    expect_error("91cfffffffffffffffff", PAYLOAD_NONE, DECODE_UNKNOWN_TYPE);
    expect_error("91ff", PAYLOAD_NONE, DECODE_UNKNOWN_TYPE);
}

Test(decode_error, fields_is_one_too_few)
{
    expect_error("90", PAYLOAD_NONE, DECODE_FIELDS);
    expect_error("9112", PAYLOAD_NONE, DECODE_FIELDS);
    expect_error("9101", PAYLOAD_NONE, DECODE_FIELDS);
    expect_error("ddffffffff06", PAYLOAD_NONE, DECODE_SYNTAX);
    expect_error("93090791960001020304", PAYLOAD_NONE, DECODE_FIELDS);
}

Test(decode_error, field_type_is_a_value_of_another_type)
{
    expect_error("9212a137", PAYLOAD_NONE, DECODE_FIELD_TYPE);
    expect_error("9212c0", PAYLOAD_NONE, DECODE_FIELD_TYPE);
    expect_error("9212ca40e00000", PAYLOAD_NONE, DECODE_FIELD_TYPE);
    expect_error("9212d40100", PAYLOAD_NONE, DECODE_FIELD_TYPE);
    expect_error("93040190", PAYLOAD_NONE, DECODE_FIELD_TYPE);
}

Test(decode_error, range_is_a_number_out_of_its_bounds)
{
    expect_error("9212ff", PAYLOAD_NONE, DECODE_RANGE);
    expect_error("931104c400", PAYLOAD_NONE, DECODE_RANGE);
    expect_error("930b079205cf0000000100000000", PAYLOAD_NONE, DECODE_RANGE);
    expect_error("980d019204000000000000", PAYLOAD_NONE, DECODE_RANGE);
}

Test(decode_error, length_is_a_string_or_list_outside_its_bounds)
{
    expect_error("930b0790", PAYLOAD_NONE, DECODE_LENGTH);
    expect_error("930b0793050505", PAYLOAD_NONE, DECODE_LENGTH);
    expect_error("930b07dd80000000", PAYLOAD_NONE, DECODE_LENGTH);
    expect_error("9a0202c40f00000000000000000000000000000001a0a00000c2", PAYLOAD_NONE,
                 DECODE_LENGTH);
}

Test(decode_error, value_is_a_value_that_does_not_fit_the_others)
{
    expect_error("980d0192cfffffffffffffffff010000000000", PAYLOAD_NONE, DECODE_VALUE);
    expect_error("980d01900102000000", PAYLOAD_NONE, DECODE_VALUE);
    expect_error(RESULT_HEAD BAD_LIST "960700000000c400960500000000c400", 0,
                 DECODE_VALUE);
    expect_error(RESULT_HEAD BAD_LIST "960700000000c400960700000000c400", 0,
                 DECODE_VALUE);
}

/* An ISOLATE of four records, with the exceptions that follow. */
#define FOUR ISOLATE "0400c400000003c2"

Test(decode_error, value_is_an_exception_that_the_chunk_has_not_or_has_twice)
{
    expect_error(FOUR "920301", 24, DECODE_NONE);
    expect_error(FOUR "9400020202", 24, DECODE_NONE);
    expect_error(FOUR "920302", 24, DECODE_VALUE);
    expect_error(FOUR "9402010001", 24, DECODE_VALUE);
    expect_error(FOUR "9400030201", 24, DECODE_VALUE);
    expect_error(FOUR "92cfffffffffffffffff01", 24, DECODE_VALUE);
    expect_error(FOUR "9202cfffffffffffffffff", 24, DECODE_VALUE);
}

Test(decode_error, payload_is_another_size_than_the_lengths_say)
{
    expect_error(golden("task")->hex, 10, DECODE_PAYLOAD);
    expect_error(golden("task")->hex, 12, DECODE_PAYLOAD);
    expect_error(golden("skip")->hex, 0, DECODE_PAYLOAD);
    expect_error(golden("isolate")->hex, 24, DECODE_PAYLOAD);
    /* the bad records' bytes are part of it */
    expect_error(golden("result_with_bad_records")->hex, 12, DECODE_PAYLOAD);
    /* two lengths whose sum is 6 but for the overflow */
    expect_error("9307079297000100cfffffffffffffffff0100c40097010100070100c400", 6,
                 DECODE_PAYLOAD);
}

/* A TASK of 6 bytes, compressed, and what its payload has. */
Test(decode_error, payload_is_a_compressed_one_that_is_not_shorter_or_beyond_its_bound)
{
    static const char task[] = "9407079197000100060100c4000%c";
    char zstd[sizeof task], unknown[sizeof task];
    snprintf(zstd, sizeof zstd, task, '1');
    snprintf(unknown, sizeof unknown, task, '3');
    expect_error(zstd, 6, DECODE_PAYLOAD);
    expect_error(zstd, 7, DECODE_PAYLOAD);
    expect_error(zstd, PAYLOAD_NONE, DECODE_NO_PAYLOAD);
    expect_error(unknown, 5, DECODE_RANGE);
    expect_error("9407079197000100ce040000010100c40001", 99, DECODE_PAYLOAD);
}

/* 64 MiB, the most; and a field of a later version behind it. */
Test(protocol, tells_how_a_payload_is_compressed_and_what_it_becomes)
{
    struct decoder *decoder = decoder_new();
    struct bytes bytes = from_hex("9507079197000100ce040000000100c4000205");
    struct message got;
    uint64_t length = 0;
    cr_assert_eq(decoder_read(decoder, bytes.data, bytes.size, 99, &got), DECODE_NONE);
    cr_assert_eq(message_compression(&got, &length), PAYLOAD_LZ4);
    cr_assert_eq(length, UINT64_C(64) << 20);
    got = (struct message){.type = MESSAGE_WHO};
    cr_assert_eq(message_compression(&got, &length), PAYLOAD_PLAIN);
    free(bytes.data);
    decoder_destroy(&decoder);
}

Test(decode_error, no_payload_is_a_missing_frame_even_where_it_would_be_empty)
{
    expect_error(golden("task")->hex, PAYLOAD_NONE, DECODE_NO_PAYLOAD);
    expect_error(golden("result_of_no_bytes")->hex, PAYLOAD_NONE, DECODE_NO_PAYLOAD);
}

Test(decode_error, stray_payload_is_a_frame_where_none_belongs)
{
    expect_error("9106", 0, DECODE_STRAY_PAYLOAD);
    expect_error("9106", 7, DECODE_STRAY_PAYLOAD);
}
