/* SPDX-License-Identifier: MIT */
#include "sink/result/result_decode.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect_bytes(const struct result *result, const char *expected)
{
    struct slice bytes = result_bytes(result);
    cr_assert_eq(bytes.size, strlen(expected));
    cr_assert_eq(result_size(result), strlen(expected));
    cr_assert_eq(memcmp(bytes.data, expected, bytes.size), 0);
}

static void expect_dead_letter_bytes(const struct result *result, uint64_t from,
                                     const char *expected)
{
    char bytes[100] = "";
    cr_assert_eq(result_read_dead_letters(result, from, bytes, strlen(expected)), 0);
    cr_assert_str_eq(bytes, expected);
}

Test(result_decode, takes_bad_records_from_behind_their_result)
{
    struct bad_record bad[] = {
        {.record = 4,
         .offset = 40,
         .length = 3,
         .code = 2,
         .text = slice_of_text("no")},
        {.record = 9, .offset = 90, .length = 4, .cause = FAILURE_TIMEOUT},
    };
    struct result_entry entries[] = {
        {.seq = 1,
         .attempt = 2,
         .length = 5,
         .mark = slice_of_text("\4name and more and a seal"),
         .bad = bad,
         .bad_count = 2},
        {.seq = 2, .attempt = 1, .length = 6},
    };
    struct result_memory *memory = result_memory_new("/tmp");
    size_t offset = 0;
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, 18);
    memcpy(zmq_msg_data(&payload), "firstbadevilsecond", 18);
    struct result *first = result_decode(memory, &entries[0], &payload, &offset);
    struct result *second = result_decode(memory, &entries[1], &payload, &offset);
    zmq_msg_close(&payload);
    memset(bad, 0, sizeof bad); /* they were the message's */
    cr_assert_eq(offset, 18);
    expect_bytes(first, "first");
    expect_bytes(second, "second");
    uint32_t count;
    cr_assert_null(result_dead_letters(second, &count));
    cr_assert_eq(count, 0);
    const struct dead_letter *dead_letters = result_dead_letters(first, &count);
    cr_assert_eq(count, 2);
    cr_assert_eq(dead_letters[0].seq, 1);
    cr_assert_eq(dead_letters[0].record, 4);
    cr_assert_eq(dead_letters[0].offset, 40);
    cr_assert_eq(dead_letters[0].attempts, 2);
    cr_assert_eq(dead_letters[0].code, 2);
    cr_assert_not(dead_letters[0].whole);
    cr_assert_eq(dead_letters[0].text.size, 2);
    cr_assert_eq(memcmp(dead_letters[0].text.data, "no", 2), 0);
    cr_assert_eq(dead_letters[1].cause, FAILURE_TIMEOUT);
    for (uint32_t i = 0; i < count; i++)
        cr_assert(dead_letters[i].input.size == 4 &&
                  memcmp(dead_letters[i].input.data, "name", 4) == 0);
    expect_dead_letter_bytes(first, 0, "bad");
    expect_dead_letter_bytes(first, 3, "evil");
    result_destroy(&first);
    result_destroy(&second);
    cr_assert_eq(result_memory_bytes(memory), 0);
    result_memory_destroy(&memory);
}

Test(result_decode, makes_of_a_skip_a_dead_letter_and_nothing_for_the_output)
{
    struct message message = {.type = MESSAGE_SKIP,
                              .skip = {.epoch = 1,
                                       .seq = 6,
                                       .length = 5,
                                       .offset = 50,
                                       .record = 10,
                                       .records = 2,
                                       .mark = slice_of_text("\5name012345678901"),
                                       .attempts = 3,
                                       .cause = FAILURE_LOST}};
    struct result_memory *memory = result_memory_new("/tmp");
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, 5);
    memcpy(zmq_msg_data(&payload), "chunk", 5);
    struct result *result = skip_decode(memory, &message, &payload);
    zmq_msg_close(&payload);
    uint32_t count;
    const struct dead_letter *dead_letters = result_dead_letters(result, &count);
    expect_bytes(result, "");
    cr_assert_eq(count, 1);
    cr_assert(dead_letters->whole);
    cr_assert_eq(dead_letters->records, 2);
    cr_assert_eq(dead_letters->attempts, 3);
    cr_assert_eq(dead_letters->input.size, 0,
                 "a name that is longer than its mark is none");
    expect_dead_letter_bytes(result, 0, "chunk");
    result_destroy(&result);
    result_memory_destroy(&memory);
}

Test(result_decode, keeps_dead_letters_that_go_to_the_spill_file_with_their_result)
{
    enum { RESULT = 20000, CHUNK = 30000 };
    struct bad_record bad = {.length = CHUNK, .text = slice_of_text("why")};
    struct result_entry entry = {.length = RESULT, .bad = &bad, .bad_count = 1};
    struct result_memory *memory = result_memory_new("/tmp");
    size_t offset = 0;
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, RESULT + CHUNK);
    memset(zmq_msg_data(&payload), 'r', RESULT);
    memset((char *)zmq_msg_data(&payload) + RESULT, 'c', CHUNK);
    struct result *result = result_decode(memory, &entry, &payload, &offset);
    zmq_msg_close(&payload);
    cr_assert(result_spillable(result));
    cr_assert_eq(result_spill(result), 0);
    cr_assert_lt(result_memory_bytes(memory), 1000);
    char bytes[2];
    cr_assert_eq(result_size(result), RESULT);
    cr_assert_eq(result_read(result, RESULT - 2, bytes, 2), 0);
    cr_assert_eq(memcmp(bytes, "rr", 2), 0);
    cr_assert_eq(result_read_dead_letters(result, 0, bytes, 2), 0);
    cr_assert_eq(memcmp(bytes, "cc", 2), 0);
    cr_assert_eq(result_read_dead_letters(result, CHUNK - 2, bytes, 2), 0);
    cr_assert_eq(memcmp(bytes, "cc", 2), 0);
    result_destroy(&result);
    cr_assert_eq(result_memory_bytes(memory), 0);
    result_memory_destroy(&memory);
}
