/* SPDX-License-Identifier: MIT */
/*
 * Where a record ends, for whoever cuts input into chunks and whoever takes a chunk
 * apart again. Pure.
 *
 * In WELCOME a format is the text "lines=L end=HEX": L ends, each the bytes HEX, end a
 * record. Empty: lines=1 end=0a.
 */
#ifndef FANFOLD_COMMON_RECORDS_H
#define FANFOLD_COMMON_RECORDS_H

#include "common/message.h"

enum { RECORD_END_MAX = 100 }; /* bytes; so that a format's text has room in WELCOME */

struct record_format {
    uint64_t lines; /* that a record has; at least 1 */
    uint8_t end[RECORD_END_MAX];
    size_t end_size; /* at least 1 */
};

/* Lines, one a record. */
#define RECORD_FORMAT_DEFAULT                    \
    {                                            \
        .lines = 1, .end = {'\n'}, .end_size = 1 \
    }

/* Always NAME_MAX_BYTES at most, with the terminating zero one more. */
void record_format_print(const struct record_format *format,
                         char text[NAME_MAX_BYTES + 1]);
/* False: it is none that this version knows. */
bool record_format_parse(struct slice text, struct record_format *ret_format);

/* Records in the bytes; the last may lack its end. */
uint64_t records_count(const struct record_format *format, struct slice bytes);
/* The size of the first `count` records, or of all bytes where there are fewer. */
size_t records_size(const struct record_format *format, struct slice bytes,
                    uint64_t count);

#endif
