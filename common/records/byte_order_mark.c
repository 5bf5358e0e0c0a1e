/* SPDX-License-Identifier: MIT */
#include "common/records/byte_order_mark.h"

#include <string.h>

static const uint8_t mark[BYTE_ORDER_MARK_SIZE] = {0xef, 0xbb, 0xbf};

bool byte_order_mark_is_passed(const struct record_format *format)
{
    switch ((int)format->kind) {
    case RECORDS_CSV:
    case RECORDS_FASTA:
    case RECORDS_FASTQ:
        return true;
    case RECORDS_MARKED:
        return format->start_size > 0 || format->regexp;
    default:
        return false;
    }
}

size_t byte_order_mark_size(struct slice bytes)
{
    bool there = bytes.size >= sizeof mark &&
                 memcmp(bytes.data, mark, sizeof mark) == 0;
    return there ? sizeof mark : 0;
}

bool byte_order_mark_is_open(struct slice bytes)
{
    return bytes.size < sizeof mark &&
           (bytes.size == 0 || memcmp(bytes.data, mark, bytes.size) == 0);
}

size_t byte_order_mark_before(struct slice bytes, size_t at)
{
    bool there = at > sizeof mark && bytes.data[at - sizeof mark - 1] == '\n' &&
                 memcmp(bytes.data + at - sizeof mark, mark, sizeof mark) == 0;
    return there ? sizeof mark : 0;
}
