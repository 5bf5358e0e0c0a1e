/* SPDX-License-Identifier: MIT */
/*
 * Looks for the end of one record after the other in bytes that may still grow, and
 * never twice at the same ones. What it finds depends on the bytes alone, not on how
 * they came in. Pure, but for memory.
 */
#ifndef FANFOLD_COMMON_RECORD_SEARCH_H
#define FANFOLD_COMMON_RECORD_SEARCH_H

#include "common/records.h"

struct record_search;

/* Of a format that record_format_check passes; copies it. */
struct record_search *record_search_new(const struct record_format *format);
void record_search_destroy(struct record_search **search_p);

enum record_outcome {
    RECORD_WHOLE,  /* it ends after *ret_size bytes; the next one is looked for next */
    RECORD_OPEN,   /* its end is not in the bytes */
    RECORD_BROKEN, /* it is none; record_search_problem */
};

/* `bytes` begins where the record does, and has all that was there when it was open,
 * and more; with `ended` there is no more. */
enum record_outcome record_search_next(struct record_search *search, struct slice bytes,
                                       bool ended, size_t *ret_size);

/* The next record is another one than that which was open or broken. */
void record_search_restart(struct record_search *search);

/* Of an open record: it has so many bytes, as it says itself; else 0. */
uint64_t record_search_announced(const struct record_search *search);
/* Of an open record of which `size` bytes are known: its end is not before this. What
 * lacks an end counts as a byte longer, for want of it; a record that ends where the
 * next one starts lacks none. */
size_t record_search_least_end(const struct record_search *search, size_t size,
                               bool ended);
/* What is wrong with the broken record: words that follow "the record at byte N". */
const char *record_search_problem(const struct record_search *search);

#endif
