/* SPDX-License-Identifier: MIT */
#include "sink/result/result.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void fill_payload(zmq_msg_t *payload, size_t size)
{
    zmq_msg_init_size(payload, size);
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)zmq_msg_data(payload))[i] = (uint8_t)(i * 31 + (i >> 8));
}

static void expect_bytes(const uint8_t *data, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        cr_assert_eq(data[i], (uint8_t)((from + i) * 31 + ((from + i) >> 8)));
}

/* Cuts one payload as a batch, of sizes around every border between the places. */
Test(result, keeps_its_bytes_when_the_message_is_gone)
{
    static const size_t sizes[] = {0, 1, 64, 65, 512, 513, 8192, 8193, 30000, 100000};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    struct result_memory *memory = result_memory_new("/tmp");
    struct result *results[COUNT];
    size_t offset = 0, total = 0;
    zmq_msg_t payload;

    for (int i = 0; i < COUNT; i++)
        total += sizes[i];
    fill_payload(&payload, total);
    for (int i = 0; i < COUNT; i++) {
        results[i] = result_new(memory, (uint64_t)i, &payload, offset, sizes[i]);
        offset += sizes[i];
    }
    zmq_msg_close(&payload);
    offset = 0;
    for (int i = 0; i < COUNT; i++) {
        struct slice bytes = result_bytes(results[i]);

        cr_assert_eq(bytes.size, sizes[i]);
        cr_assert_eq(result_seq(results[i]), (uint64_t)i);
        expect_bytes(bytes.data, offset, bytes.size);
        offset += sizes[i];
        result_destroy(&results[i]);
        cr_assert_null(results[i]);
    }
    cr_assert_eq(result_memory_bytes(memory), 0);
    result_memory_destroy(&memory);
}

Test(result, that_is_replaced_keeps_its_dead_letters)
{
    static const size_t sizes[] = {0, 10, 500, 20000};
    struct dead_letter letter = {.seq = 1, .records = 1, .length = 7};
    struct result_memory *memory = result_memory_new("/tmp");
    uint8_t behind[7];
    zmq_msg_t payload;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fill_payload(&payload, sizes[i] + 7);
        struct result *result = result_new_with_dead_letters(memory, 1, &payload, 0,
                                                             sizes[i] + 7, &letter, 1);
        result_replace(result, slice_of_text("a line of the manifest\n"));
        cr_expect_eq(result_size(result), 23);
        cr_expect_arr_eq(result_bytes(result).data, "a line of the manifest\n", 23);
        cr_assert_eq(result_read_dead_letters(result, 0, behind, 7), 0);
        expect_bytes(behind, sizes[i], 7);
        cr_assert(result_spillable(result));
        cr_assert_eq(result_spill(result), 0);
        cr_assert_eq(result_read_dead_letters(result, 0, behind, 7), 0);
        expect_bytes(behind, sizes[i], 7);
        result_destroy(&result);
        zmq_msg_close(&payload);
    }
    cr_assert_eq(result_memory_bytes(memory), 0);
    result_memory_destroy(&memory);
}

Test(result, moves_a_payload_that_is_all_its_own)
{
    struct result_memory *memory = result_memory_new("/tmp");
    struct result *result;
    zmq_msg_t payload;
    void *data;

    fill_payload(&payload, 1 << 20);
    data = zmq_msg_data(&payload);
    result = result_new(memory, 0, &payload, 0, 1 << 20);
    cr_assert_eq(result_bytes(result).data, data, "not copied");
    cr_assert_eq(zmq_msg_size(&payload), 0);
    result_destroy(&result);
    zmq_msg_close(&payload);
    result_memory_destroy(&memory);
}

Test(result, gives_its_memory_back_when_spilled_and_reads_from_the_file)
{
    struct result_memory *memory = result_memory_new("/tmp");
    struct result *large, *small;
    uint8_t bytes[5000];
    zmq_msg_t payload;

    fill_payload(&payload, 200000);
    small = result_new(memory, 1, &payload, 0, 64);
    large = result_new(memory, 2, &payload, 0, 200000);
    cr_assert_gt(result_memory_bytes(memory), 200064);
    cr_assert_not(result_spillable(small), "it would gain nothing");
    cr_assert(result_spillable(large));
    cr_assert_eq(result_spill(large), 0);
    cr_assert_not(result_spillable(large));
    cr_assert(result_spilled(large));
    cr_assert_lt(result_memory_bytes(memory), 1000);
    cr_assert_eq(result_memory_spilled_bytes(memory), 200000);
    cr_assert_eq(result_read(large, 150000, bytes, sizeof bytes), 0);
    expect_bytes(bytes, 150000, sizeof bytes);
    result_destroy(&large);
    result_drop(small);
    cr_assert_eq(result_memory_bytes(memory), 0);
    zmq_msg_close(&payload);
    result_memory_destroy(&memory);
}

Test(result, stays_in_memory_when_it_cannot_be_spilled)
{
    struct result_memory *memory = result_memory_new("/nonexistent");
    struct result *result;
    zmq_msg_t payload;
    uint64_t before;

    fill_payload(&payload, 20000);
    result = result_new(memory, 1, &payload, 0, 20000);
    before = result_memory_bytes(memory);
    cr_assert_lt(result_spill(result), 0);
    cr_assert_eq(result_memory_bytes(memory), before);
    expect_bytes(result_bytes(result).data, 0, 20000);
    result_destroy(&result);
    zmq_msg_close(&payload);
    result_memory_destroy(&memory);
}
