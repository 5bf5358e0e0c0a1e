/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/message_framing.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool message_framing_takes(const struct record_format *format)
{
    if (format->kind == RECORDS_FRAMES)
        return true;
    return format->kind == RECORDS_LINES && format->lines == 1 && format->end_size == 1;
}

/* ---- messages of several frames ---- */

static void put_big_endian(struct byte_buffer *to, uint8_t type, uint64_t number,
                           size_t bytes)
{
    uint64_t order = htobe64(number);
    byte_buffer_append(to, &type, 1);
    byte_buffer_append(to, (const uint8_t *)&order + sizeof order - bytes, bytes);
}

static void put_array_head(struct byte_buffer *to, size_t count)
{
    uint8_t small = (uint8_t)(0x90 | count);
    if (count < 16)
        byte_buffer_append(to, &small, 1);
    else if (count <= UINT16_MAX)
        put_big_endian(to, 0xdc, count, 2);
    else
        put_big_endian(to, 0xdd, count, 4);
}

static void put_binary(struct byte_buffer *to, struct slice bytes)
{
    size_t width = bytes.size <= UINT8_MAX ? 1 : bytes.size <= UINT16_MAX ? 2 : 4;
    put_big_endian(to, (uint8_t)(0xc4 + width / 2), bytes.size, width);
    byte_buffer_append(to, bytes.data, bytes.size);
}

static bool pick(const struct message_framing *framing, const struct slice *frames,
                 size_t count, struct byte_buffer *joined, char *reason, size_t size)
{
    if (framing->frame > count) {
        snprintf(reason, size,
                 "it has %zu frame%s, and --frame asks for frame %" PRIu32, count,
                 count == 1 ? "" : "s", framing->frame);
        return false;
    }
    struct slice frame = frames[framing->frame - 1];
    byte_buffer_append(joined, frame.data, frame.size);
    return true;
}

bool message_framing_join(const struct message_framing *framing,
                          const struct slice *frames, size_t count,
                          struct byte_buffer *joined, char *reason, size_t size)
{
    byte_buffer_begin(joined, 0);
    if (framing->frame)
        return pick(framing, frames, count, joined, reason, size);
    bool array = !framing->separator.data;
    if (array)
        put_array_head(joined, count);
    for (size_t i = 0; i < count; i++) {
        if (array)
            put_binary(joined, frames[i]);
        else
            byte_buffer_append(joined, frames[i].data, frames[i].size);
        if (!array && i + 1 < count)
            byte_buffer_append(joined, framing->separator.data,
                               framing->separator.size);
    }
    return true;
}

bool message_framing_body(const struct message_framing *framing,
                          const struct slice *frames, size_t count,
                          struct byte_buffer *joined, struct slice *ret_body,
                          char *reason, size_t size)
{
    *ret_body = frames[0];
    if (count == 1 && framing->frame <= 1)
        return true;
    if (!message_framing_join(framing, frames, count, joined, reason, size))
        return false;
    *ret_body = (struct slice){joined->data, joined->size};
    return true;
}

/* ---- records ---- */

static bool frame_ended(const struct message_framing *framing, struct slice message,
                        struct record_frame *frame, char *reason, size_t size)
{
    uint8_t end = framing->format.end[0];
    const uint8_t *found = message.size ? memchr(message.data, end, message.size)
                                        : NULL;
    size_t before = found ? (size_t)(found - message.data) : message.size;
    if (found && before + 1 < message.size) {
        snprintf(reason, size,
                 "it has a %s at byte %zu, within it, and would be several records: "
                 "--format frames takes messages of any bytes",
                 end == '\n'   ? "newline"
                 : end == '\0' ? "NUL byte"
                               : "record's end",
                 before);
        return false;
    }
    frame->tail = end;
    frame->tail_size = !found;
    return true;
}

bool message_framing_frame(const struct message_framing *framing, struct slice message,
                           struct record_frame *ret_frame, char *reason, size_t size)
{
    struct record_frame frame = {.head_size = 0};
    if (framing->format.kind == RECORDS_FRAMES) {
        uint32_t length = htobe32((uint32_t)message.size);
        memcpy(frame.head, &length, sizeof length);
        frame.head_size = sizeof length;
    } else if (!frame_ended(framing, message, &frame, reason, size)) {
        return false;
    }
    uint64_t bytes = (uint64_t)frame.head_size + message.size + frame.tail_size;
    if (bytes > framing->max_record_bytes || message.size > UINT32_MAX) {
        snprintf(reason, size,
                 "it is a record of %" PRIu64 " bytes, longer than --max-record "
                 "allows, %" PRIu64,
                 bytes, framing->max_record_bytes);
        return false;
    }
    *ret_frame = frame;
    return true;
}

/* ---- a record piece by piece ---- */

bool framed_record_begin(struct framed_record *record,
                         const struct message_framing *framing, struct slice body,
                         char *reason, size_t reason_size)
{
    struct record_frame frame;
    if (!message_framing_frame(framing, body, &frame, reason, reason_size))
        return false;
    *record = (struct framed_record){
        .frame = frame,
        .body = body,
        .size = frame.head_size + body.size + frame.tail_size,
    };
    return true;
}

bool framed_record_is_done(const struct framed_record *record)
{
    return record->done == record->size;
}

/* Copies what there is of one part of the record, which has `before` bytes in front. */
static size_t copy_part(struct framed_record *record, struct slice part, size_t before,
                        uint8_t *to, size_t size)
{
    if (record->done < before || record->done >= before + part.size)
        return 0;
    size_t from = record->done - before, count = part.size - from;
    if (count > size)
        count = size;
    memcpy(to, part.data + from, count);
    record->done += count;
    return count;
}

size_t framed_record_copy(struct framed_record *record, uint8_t *to, size_t size)
{
    const struct record_frame *frame = &record->frame;
    struct slice head = {frame->head, frame->head_size},
                 tail = {&frame->tail, frame->tail_size};
    size_t used = copy_part(record, head, 0, to, size);
    used += copy_part(record, record->body, head.size, to + used, size - used);
    used +=
        copy_part(record, tail, head.size + record->body.size, to + used, size - used);
    return used;
}
