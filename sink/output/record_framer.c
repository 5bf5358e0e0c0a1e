/* SPDX-License-Identifier: MIT */
/* Copies: the lengths stand between the records, and a vector for each small record
 * costs more than its bytes do. */
#include "sink/output/record_framer.h"

#include "common/memory.h"
#include "sink/output/framing.h"
#include <stdlib.h>
#include <string.h>

struct record_framer {
    struct result_records *records;
    uint8_t head[FRAME_HEAD_MAX];
    struct slice parts[2]; /* what is left of the head and of the record */
};

struct record_framer *record_framer_new(const struct record_format *format)
{
    struct record_framer *framer = allocate_zeroed(1, sizeof *framer);
    framer->records = result_records_new(format);
    return framer;
}

void record_framer_destroy(struct record_framer **framer_p)
{
    struct record_framer *framer = *framer_p;
    if (!framer)
        return;
    result_records_destroy(&framer->records);
    free(framer);
    *framer_p = NULL;
}

/* 1: there is a next record; 0: no; -errno. An empty record is a frame, too. */
static int begin_record(struct record_framer *framer, const struct result *result)
{
    struct slice record;
    int outcome = result_records_next(framer->records, result, &record);
    if (outcome <= 0)
        return outcome;
    const struct frame frame = {.size = record.size};
    framer->parts[0].data = framer->head;
    framer->parts[0].size = framing_head(FRAMING_RESULT, &frame, framer->head);
    framer->parts[1] = record;
    return 1;
}

/* Returns how many bytes it took from the part. */
static size_t copy_part(struct slice *part, uint8_t *data, size_t size)
{
    size_t some = part->size < size ? part->size : size;
    if (some > 0)
        memcpy(data, part->data, some);
    part->data += some;
    part->size -= some;
    return some;
}

int record_framer_read(struct record_framer *framer, const struct result *result,
                       uint8_t *data, size_t size, size_t *ret_size)
{
    size_t used = 0;
    int outcome = 1;
    while (outcome == 1 && used < size) {
        used += copy_part(&framer->parts[0], data + used, size - used);
        used += copy_part(&framer->parts[1], data + used, size - used);
        if (framer->parts[0].size == 0 && framer->parts[1].size == 0)
            outcome = begin_record(framer, result);
    }
    if (outcome < 0)
        return outcome;
    if (outcome == 0)
        result_records_restart(framer->records);
    *ret_size = used;
    return outcome == 0;
}
