/* SPDX-License-Identifier: MIT */
#include "worker/result.h"

#include <criterion/criterion.h>
#include <string.h>

static void put(struct result *result, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t room = result_room(result);
        cr_assert_gt(room, 0);
        size_t part = size - at < room ? size - at : room;
        for (size_t i = 0; i < part; i++)
            result->data[result->size + i] = (uint8_t)(at + i);
        result->size += part;
        at += part;
    }
}

Test(result, becomes_a_message_whatever_its_size)
{
    static const size_t sizes[] = {0, 1, 8192, 8193, 100000, 3000000, 5};
    struct result result = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        zmq_msg_t message;
        result_begin(&result, i % 2 ? 0 : sizes[i]);
        put(&result, sizes[i]);
        result_take(&result, &message);
        cr_assert_eq(zmq_msg_size(&message), sizes[i]);
        const uint8_t *data = zmq_msg_data(&message);
        for (size_t at = 0; at < sizes[i]; at++)
            cr_assert(data[at] == (uint8_t)at);
        zmq_msg_close(&message);
        cr_assert_eq(result.size, 0);
    }
    result_deinit(&result);
}

Test(result, needs_no_second_buffer_where_the_size_was_expected)
{
    struct result result = {0};
    result_begin(&result, 1 << 20);
    const uint8_t *data = result.data;
    put(&result, 1 << 20);
    cr_assert_gt(result_room(&result), 0);
    cr_assert_eq(result.data, data);
    result_deinit(&result);
}

/* A part of `all` bytes, and what is left from `rest` on. */
static void take_part(size_t all, size_t from, size_t size, size_t rest, bool moved)
{
    struct result result = {0};
    zmq_msg_t message;
    bool forgot = !moved;
    result_begin(&result, all);
    put(&result, all);
    result_take_part(&result, from, size, rest, &message, &forgot);
    cr_assert_eq(forgot, moved);
    cr_assert_eq(zmq_msg_size(&message), size);
    for (size_t at = 0; at < size; at++)
        cr_assert(((uint8_t *)zmq_msg_data(&message))[at] == (uint8_t)(from + at));
    if (!forgot)
        result_skip(&result, rest);
    cr_assert_eq(result.size, all - rest);
    for (size_t at = 0; at < result.size; at++)
        cr_assert(result.data[at] == (uint8_t)(rest + at));
    zmq_msg_close(&message);
    result_deinit(&result);
}

Test(result, gives_a_part_away_and_keeps_what_follows)
{
    take_part(100, 12, 50, 70, false);
    take_part(100012, 12, 100000, 100012, true);
    take_part(120000, 12, 100000, 100013, true);
    take_part(300000, 12, 100000, 100012, false);
    take_part(300000, 200000, 100000, 300000, false);
    take_part(12, 12, 0, 12, false);
}

Test(result, makes_room_and_keeps_what_is_there)
{
    struct result result = {0};
    result_begin(&result, 0);
    put(&result, 1000);
    result_reserve(&result, 1 << 20);
    cr_assert_geq(result.capacity, 1 << 20);
    cr_assert_eq(result.size, 1000);
    for (size_t at = 0; at < 1000; at++)
        cr_assert(result.data[at] == (uint8_t)at);
    result_deinit(&result);
}
