/* SPDX-License-Identifier: MIT */
#include "worker/task/strip_frame.h"

#include "common/memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 4 };

enum strip_frame strip_frame_of(enum strip_frame wanted, struct slice format)
{
    static const char frames[] = "frames";
    bool right = format.size == strlen(frames) &&
                 memcmp(format.data, frames, format.size) == 0;
    return wanted == STRIP_FRAME_NOT || right ? wanted : STRIP_FRAME_WRONG;
}

/* Takes the first record off `rest`. False: its length is not all there, or says more
 * than there is. */
static bool take_record(struct slice *rest, struct slice *ret_record)
{
    if (rest->size < LENGTH_BYTES)
        return false;
    const uint8_t *data = rest->data;
    size_t size = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 |
                  data[3];
    if (size > rest->size - LENGTH_BYTES)
        return false;
    *ret_record = (struct slice){data + LENGTH_BYTES, size};
    *rest =
        (struct slice){data + LENGTH_BYTES + size, rest->size - LENGTH_BYTES - size};
    return true;
}

static const char *cut_short(char *text, size_t size)
{
    snprintf(text, size, "the record is shorter than its length says");
    return text;
}

/* No records are no record: an input of a header alone. */
static const char *strip_alone(struct slice input, struct slice *ret_bytes, char *text,
                               size_t size)
{
    struct slice rest = input, record = {input.data, 0}, another;
    if (input.size && !take_record(&rest, &record))
        return cut_short(text, size);
    uint64_t more = 0;
    while (rest.size && take_record(&rest, &another))
        more++;
    *ret_bytes = record;
    if (rest.size)
        return cut_short(text, size);
    if (!more)
        return NULL;
    snprintf(text, size,
             "the chunk has %" PRIu64 " records, and --strip-frame gives a program of "
             "this mode one: give the ventilator --strip-frame or -N 1",
             more + 1);
    return text;
}

static const char *strip_to_lines(struct slice input, uint8_t **buffer_p,
                                  struct slice *ret_bytes, char *text, size_t size)
{
    struct slice rest = input, record;
    free(*buffer_p);
    uint8_t *end = *buffer_p =
        allocate(input.size); /* a length is longer than a newline */
    for (uint64_t number = 1; rest.size; number++) {
        if (!take_record(&rest, &record))
            return cut_short(text, size);
        if (record.size && memchr(record.data, '\n', record.size)) {
            snprintf(text, size,
                     "record %" PRIu64 " of the chunk has a newline in it, and "
                     "--strip-frame gives each record as a line to a program in --mode "
                     "lines",
                     number);
            return text;
        }
        if (record.size)
            memcpy(end, record.data, record.size);
        end += record.size;
        *end++ = '\n';
    }
    *ret_bytes = (struct slice){*buffer_p, (size_t)(end - *buffer_p)};
    return NULL;
}

const char *strip_frame(enum strip_frame strip, struct slice input, uint8_t **buffer_p,
                        struct slice *ret_bytes, char *text, size_t size)
{
    switch (strip) {
    case STRIP_FRAME_NOT:
        *ret_bytes = input;
        return NULL;
    case STRIP_FRAME_ALONE:
        return strip_alone(input, ret_bytes, text, size);
    case STRIP_FRAME_LINES:
        return strip_to_lines(input, buffer_p, ret_bytes, text, size);
    case STRIP_FRAME_WRONG:
        break;
    }
    snprintf(text, size,
             "the records have no lengths to strip: --strip-frame needs the "
             "ventilator's --format frames");
    return text;
}
