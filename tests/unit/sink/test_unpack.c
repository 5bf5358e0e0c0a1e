/* SPDX-License-Identifier: MIT */
#include "sink/unpack.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect_bytes(const struct parcel *parcel, const char *expected)
{
    struct slice bytes = parcel_bytes(parcel);
    cr_assert_eq(bytes.size, strlen(expected));
    cr_assert_eq(parcel_size(parcel), strlen(expected));
    cr_assert_eq(memcmp(bytes.data, expected, bytes.size), 0);
}

static void expect_letter_bytes(const struct parcel *parcel, uint64_t from,
                                const char *expected)
{
    char bytes[100] = "";
    cr_assert_eq(parcel_read_letters(parcel, from, bytes, strlen(expected)), 0);
    cr_assert_str_eq(bytes, expected);
}

Test(unpack, takes_bad_records_from_behind_their_result)
{
    struct bad_record bad[] = {
        {.record = 4,
         .offset = 40,
         .length = 3,
         .code = 2,
         .text = slice_of_text("no")},
        {.record = 9, .offset = 90, .length = 4, .how = FAILURE_TIMEOUT},
    };
    struct result_entry entries[] = {
        {.seq = 1,
         .attempt = 2,
         .length = 5,
         .mark = slice_of_text("\4name and more"),
         .bad = bad,
         .bad_count = 2},
        {.seq = 2, .attempt = 1, .length = 6},
    };
    struct store *store = store_new("/tmp");
    size_t offset = 0;
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, 18);
    memcpy(zmq_msg_data(&payload), "firstbadevilsecond", 18);
    struct parcel *first = unpack_result(store, &entries[0], &payload, &offset);
    struct parcel *second = unpack_result(store, &entries[1], &payload, &offset);
    zmq_msg_close(&payload);
    memset(bad, 0, sizeof bad); /* they were the message's */
    cr_assert_eq(offset, 18);
    expect_bytes(first, "first");
    expect_bytes(second, "second");
    uint32_t count;
    cr_assert_null(parcel_letters(second, &count));
    cr_assert_eq(count, 0);
    const struct letter *letters = parcel_letters(first, &count);
    cr_assert_eq(count, 2);
    cr_assert_eq(letters[0].seq, 1);
    cr_assert_eq(letters[0].record, 4);
    cr_assert_eq(letters[0].offset, 40);
    cr_assert_eq(letters[0].attempts, 2);
    cr_assert_eq(letters[0].code, 2);
    cr_assert_not(letters[0].whole);
    cr_assert_eq(letters[0].text.size, 2);
    cr_assert_eq(memcmp(letters[0].text.data, "no", 2), 0);
    cr_assert_eq(letters[1].how, FAILURE_TIMEOUT);
    for (uint32_t i = 0; i < count; i++)
        cr_assert(letters[i].input.size == 4 &&
                  memcmp(letters[i].input.data, "name", 4) == 0);
    expect_letter_bytes(first, 0, "bad");
    expect_letter_bytes(first, 3, "evil");
    parcel_destroy(&first);
    parcel_destroy(&second);
    cr_assert_eq(store_memory_bytes(store), 0);
    store_destroy(&store);
}

Test(unpack, makes_of_a_skip_a_letter_and_nothing_for_the_output)
{
    struct message message = {.type = MESSAGE_SKIP,
                              .skip = {.epoch = 1,
                                       .seq = 6,
                                       .length = 5,
                                       .offset = 50,
                                       .record = 10,
                                       .records = 2,
                                       .mark = slice_of_text("\5name"),
                                       .attempts = 3,
                                       .how = FAILURE_LOST}};
    struct store *store = store_new("/tmp");
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, 5);
    memcpy(zmq_msg_data(&payload), "chunk", 5);
    struct parcel *parcel = unpack_skip(store, &message, &payload);
    zmq_msg_close(&payload);
    uint32_t count;
    const struct letter *letters = parcel_letters(parcel, &count);
    expect_bytes(parcel, "");
    cr_assert_eq(count, 1);
    cr_assert(letters->whole);
    cr_assert_eq(letters->records, 2);
    cr_assert_eq(letters->attempts, 3);
    cr_assert_eq(letters->input.size, 0, "a name that is longer than its mark is none");
    expect_letter_bytes(parcel, 0, "chunk");
    parcel_destroy(&parcel);
    store_destroy(&store);
}

Test(unpack, keeps_letters_that_go_to_the_spill_file_with_their_result)
{
    enum { RESULT = 20000, CHUNK = 30000 };
    struct bad_record bad = {.length = CHUNK, .text = slice_of_text("why")};
    struct result_entry entry = {.length = RESULT, .bad = &bad, .bad_count = 1};
    struct store *store = store_new("/tmp");
    size_t offset = 0;
    zmq_msg_t payload;
    zmq_msg_init_size(&payload, RESULT + CHUNK);
    memset(zmq_msg_data(&payload), 'r', RESULT);
    memset((char *)zmq_msg_data(&payload) + RESULT, 'c', CHUNK);
    struct parcel *parcel = unpack_result(store, &entry, &payload, &offset);
    zmq_msg_close(&payload);
    cr_assert(parcel_spillable(parcel));
    cr_assert_eq(parcel_spill(parcel), 0);
    cr_assert_lt(store_memory_bytes(store), 1000);
    char bytes[2];
    cr_assert_eq(parcel_size(parcel), RESULT);
    cr_assert_eq(parcel_read(parcel, RESULT - 2, bytes, 2), 0);
    cr_assert_eq(memcmp(bytes, "rr", 2), 0);
    cr_assert_eq(parcel_read_letters(parcel, 0, bytes, 2), 0);
    cr_assert_eq(memcmp(bytes, "cc", 2), 0);
    cr_assert_eq(parcel_read_letters(parcel, CHUNK - 2, bytes, 2), 0);
    cr_assert_eq(memcmp(bytes, "cc", 2), 0);
    parcel_destroy(&parcel);
    cr_assert_eq(store_memory_bytes(store), 0);
    store_destroy(&store);
}
