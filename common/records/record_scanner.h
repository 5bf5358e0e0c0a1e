/* SPDX-License-Identifier: MIT */
/*
 * Finds the end of one record after the other in bytes that may still grow, and never
 * looks at the same bytes twice. Its answers depend on the bytes alone, not on how they
 * came in. Pure.
 */
#ifndef FANFOLD_COMMON_RECORDS_RECORD_SCANNER_H
#define FANFOLD_COMMON_RECORDS_RECORD_SCANNER_H

#include "common/records/record_format.h"
#include "common/slice.h"

struct record_scanner;

/* For a format that record_format_check passes; copies it. */
struct record_scanner *record_scanner_new(const struct record_format *format);
void record_scanner_destroy(struct record_scanner **scanner_p);

enum record_outcome {
    RECORD_WHOLE,  /* it ends after *ret_size bytes; the next call finds the next one */
    RECORD_OPEN,   /* its end is not in the bytes */
    RECORD_BROKEN, /* it is not a record: record_scanner_problem */
};

/* `bytes` begins where the record does and, if it was open, holds all that it held
 * before, and more. `ended`: no more will come. */
enum record_outcome record_scanner_next(struct record_scanner *scanner,
                                        struct slice bytes, bool ended,
                                        size_t *ret_size);

/* Forgets an open or broken record: the next call begins another one. */
void record_scanner_restart(struct record_scanner *scanner);

/* The size that an open record itself announces; 0: it announces none. */
uint64_t record_scanner_announced(const struct record_scanner *scanner);
/* The least size that an open record can have, of which `size` bytes are known. One
 * more than `size` if its end is still missing; a record that ends where the next one
 * starts has no end of its own. */
size_t record_scanner_least_end(const struct record_scanner *scanner, size_t size,
                                bool ended);
/* Why the record is broken: words that follow "the record at byte N". */
const char *record_scanner_problem(const struct record_scanner *scanner);

#endif
