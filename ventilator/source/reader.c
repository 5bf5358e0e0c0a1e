/* SPDX-License-Identifier: MIT */
#include "ventilator/source/reader.h"

#include "common/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_MAX = 1 << 20 /* bytes at once */ };

void reader_init(struct reader *reader, const struct input_list *inputs)
{
    *reader = (struct reader){.inputs = *inputs};
}

void reader_deinit(struct reader *reader)
{
    input_list_deinit(&reader->inputs);
    free(reader->ahead);
    reader->ahead = NULL;
}

/* ---- failures ---- */

void reader_fail(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->error, sizeof reader->error, format, arguments);
    va_end(arguments);
}

static void fail_to_read(struct reader *reader, int error)
{
    const struct named_input *item = reader_item(reader);
    uint64_t offset = item->input.offset;
    if (error == ENODATA)
        reader_fail(reader,
                    "%s was cut short while it was read: it ends before byte %" PRIu64
                    " and had %" PRIu64 " bytes",
                    item->name, offset, item->input.size);
    else if (error == EBADMSG &&
             (item->input.messages || item->input.connector || item->input.spool))
        reader_fail(reader, "%s: %s", item->name, item->input.reason);
    else if (error == EBADMSG)
        reader_fail(reader,
                    "cannot decompress %s beyond byte %" PRIu64 " of its content: %s",
                    item->name, offset, item->input.reason);
    else
        reader_fail(
            reader, "cannot read %s at byte %" PRIu64 ": %s", item->name, offset,
            error == ESTALE ? "another file has taken its place" : strerror(error));
}

/* ---- reading ---- */

bool reader_open(struct reader *reader)
{
    int result = input_list_turn_to(&reader->inputs, reader->at);
    reader->ahead_size = reader->ahead_used = 0;
    reader->ended = false;
    if (result < 0)
        fail_to_read(reader, -result);
    return result == 0;
}

static enum reader_outcome read_input(struct reader *reader, void *buffer, size_t size,
                                      size_t *ret_size)
{
    struct input *input = &reader_item(reader)->input;
    if (reader->ended)
        return READER_ENDED;
    ssize_t got = input->kind->read(input, buffer, size);
    if (got == -EAGAIN)
        return READER_WAITS;
    if (got < 0) {
        fail_to_read(reader, (int)-got);
        return READER_FAILED;
    }
    *ret_size = (size_t)got;
    reader->ended = got == 0;
    return got > 0 ? READER_BYTES : READER_ENDED;
}

enum reader_outcome reader_read(struct reader *reader, void *buffer, size_t size,
                                size_t *ret_size)
{
    size_t ahead = reader->ahead_size - reader->ahead_used;
    if (size > READ_MAX)
        size = READ_MAX;
    if (ahead == 0)
        return read_input(reader, buffer, size, ret_size);
    if (ahead > size)
        ahead = size;
    memcpy(buffer, reader->ahead + reader->ahead_used, ahead);
    reader->ahead_used += ahead;
    *ret_size = ahead;
    return READER_BYTES;
}

enum reader_outcome reader_read_ahead(struct reader *reader)
{
    size_t got = 0;
    if (!reader->ahead)
        reader->ahead = allocate(READER_AHEAD_MAX + 1);
    enum reader_outcome outcome = read_input(reader, reader->ahead + reader->ahead_size,
                                             READER_AHEAD_MAX - reader->ahead_size,
                                             &got);
    reader->ahead_size += got;
    return outcome;
}

void reader_seek(struct reader *reader, uint64_t offset)
{
    reader_item(reader)->input.offset = reader_own_offset(reader, offset);
    reader->ended = false;
    reader->ahead_size = reader->ahead_used = 0;
}

/* ---- places ---- */

struct named_input *reader_item(const struct reader *reader)
{
    return &reader->inputs.items[reader->at];
}

uint64_t reader_beginning(const struct reader *reader, uint32_t input)
{
    const struct named_input *item = &reader->inputs.items[input];
    return (item->kind == SOURCE_KIND_FILE ? item->start : 0) + reader->shift;
}

uint64_t reader_own_offset(const struct reader *reader, uint64_t offset)
{
    return offset - reader->shift;
}

uint64_t reader_bytes_from(const struct reader *reader, uint32_t input, uint64_t offset)
{
    uint64_t total = 0, read = offset - reader_beginning(reader, input);
    if (!input_list_are_files(&reader->inputs))
        return 0;
    for (uint32_t i = input; i < reader->inputs.count; i++)
        total += reader->inputs.items[i].size - reader->inputs.items[i].start;
    return total > read ? total - read : 0;
}

uint64_t reader_bytes_before(const struct reader *reader, uint32_t input,
                             uint64_t offset)
{
    if (input >= reader->inputs.count ||
        (input > 0 && !input_list_are_files(&reader->inputs)))
        return 0;
    uint64_t beginning = reader_beginning(reader, input);
    uint64_t sum = offset > beginning ? offset - beginning : 0;
    for (uint32_t i = 0; i < input; i++)
        sum += reader->inputs.items[i].size - reader->inputs.items[i].start;
    return sum;
}

bool reader_has_terminal(const struct reader *reader)
{
    for (uint32_t i = 0; i < reader->inputs.count; i++)
        if (reader->inputs.items[i].kind == SOURCE_KIND_STREAM &&
            isatty(reader->inputs.items[i].input.fd))
            return true;
    return false;
}
