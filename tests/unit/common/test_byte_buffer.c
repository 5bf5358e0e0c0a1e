/* SPDX-License-Identifier: MIT */
#include "common/byte_buffer.h"

#include <criterion/criterion.h>
#include <string.h>

static void put(struct byte_buffer *buffer, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t room = byte_buffer_room(buffer);
        cr_assert_gt(room, 0);
        size_t part = size - at < room ? size - at : room;
        for (size_t i = 0; i < part; i++)
            buffer->data[buffer->size + i] = (uint8_t)(at + i);
        buffer->size += part;
        at += part;
    }
}

Test(byte_buffer, becomes_a_message_whatever_its_size)
{
    static const size_t sizes[] = {0, 1, 8192, 8193, 100000, 3000000, 5};
    struct byte_buffer buffer = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        zmq_msg_t message;
        byte_buffer_begin(&buffer, i % 2 ? 0 : sizes[i]);
        put(&buffer, sizes[i]);
        byte_buffer_take(&buffer, &message);
        cr_assert_eq(zmq_msg_size(&message), sizes[i]);
        const uint8_t *data = zmq_msg_data(&message);
        for (size_t at = 0; at < sizes[i]; at++)
            cr_assert(data[at] == (uint8_t)at);
        zmq_msg_close(&message);
        cr_assert_eq(buffer.size, 0);
    }
    byte_buffer_deinit(&buffer);
}

Test(byte_buffer, needs_no_second_buffer_where_the_size_was_expected)
{
    struct byte_buffer buffer = {0};
    byte_buffer_begin(&buffer, 1 << 20);
    const uint8_t *data = buffer.data;
    put(&buffer, 1 << 20);
    cr_assert_gt(byte_buffer_room(&buffer), 0);
    cr_assert_eq(buffer.data, data);
    byte_buffer_deinit(&buffer);
}

/* A part of `all` bytes, and what is left from `rest` on. */
static void take_part(size_t all, size_t from, size_t size, size_t rest, bool moved)
{
    struct byte_buffer buffer = {0};
    zmq_msg_t message;
    bool forgot = !moved;
    byte_buffer_begin(&buffer, all);
    put(&buffer, all);
    byte_buffer_take_part(&buffer, from, size, rest, &message, &forgot);
    cr_assert_eq(forgot, moved);
    cr_assert_eq(zmq_msg_size(&message), size);
    for (size_t at = 0; at < size; at++)
        cr_assert(((uint8_t *)zmq_msg_data(&message))[at] == (uint8_t)(from + at));
    if (!forgot)
        byte_buffer_skip(&buffer, rest);
    cr_assert_eq(buffer.size, all - rest);
    for (size_t at = 0; at < buffer.size; at++)
        cr_assert(buffer.data[at] == (uint8_t)(rest + at));
    zmq_msg_close(&message);
    byte_buffer_deinit(&buffer);
}

Test(byte_buffer, gives_a_part_away_and_keeps_what_follows)
{
    take_part(100, 12, 50, 70, false);
    take_part(100012, 12, 100000, 100012, true);
    take_part(120000, 12, 100000, 100013, true);
    take_part(300000, 12, 100000, 100012, false);
    take_part(300000, 200000, 100000, 300000, false);
    take_part(12, 12, 0, 12, false);
}

Test(byte_buffer, makes_room_and_keeps_what_is_there)
{
    struct byte_buffer buffer = {0};
    byte_buffer_begin(&buffer, 0);
    put(&buffer, 1000);
    byte_buffer_reserve(&buffer, 1 << 20);
    cr_assert_geq(buffer.capacity, 1 << 20);
    cr_assert_eq(buffer.size, 1000);
    for (size_t at = 0; at < 1000; at++)
        cr_assert(buffer.data[at] == (uint8_t)at);
    byte_buffer_deinit(&buffer);
}
