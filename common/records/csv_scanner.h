/* SPDX-License-Identifier: MIT */
/* Finds newlines outside of quotes, eight bytes at a time. record_format.h says what a
 * quote is. Pure. */
#ifndef FANFOLD_COMMON_RECORDS_CSV_SCANNER_H
#define FANFOLD_COMMON_RECORDS_CSV_SCANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct csv_scanner {
    bool inside;   /* of quotes */
    bool may_open; /* a quote here would open a field, or continue one */
};

#define CSV_SCANNER_START \
    {                     \
        .may_open = true  \
    }

/* Continues where the last bytes ended. The size up to and with the first newline that
 * is not in quotes; 0: there is none. */
size_t csv_scanner_find(struct csv_scanner *scanner, const uint8_t *bytes, size_t size);

#endif
