/* SPDX-License-Identifier: MIT */
/* Newlines outside of quotes, eight bytes at a time (records.h says what a quote is).
 */
#ifndef FANFOLD_COMMON_RECORD_QUOTES_H
#define FANFOLD_COMMON_RECORD_QUOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_quotes {
    bool inside;   /* of quotes */
    bool may_open; /* a quote would open a field, or go on with one */
};

#define RECORD_QUOTES_START \
    {                       \
        .may_open = true    \
    }

/* Goes on where the last bytes ended. The size up to the first newline that is not in
 * quotes, with it; 0: there is none. */
size_t record_quotes_find(struct record_quotes *quotes, const uint8_t *bytes,
                          size_t size);

#endif
