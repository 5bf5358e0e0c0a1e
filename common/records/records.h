/* SPDX-License-Identifier: MIT */
/* Counts the records in bytes, and measures the first ones. Pure. */
#ifndef FANFOLD_COMMON_RECORDS_RECORDS_H
#define FANFOLD_COMMON_RECORDS_RECORDS_H

#include "common/records/record_format.h"
#include "common/slice.h"

/* How many records the bytes hold, which begin where a record does; the last may lack
 * its end. A broken record takes all bytes that follow it. */
uint64_t records_count(const struct record_format *format, struct slice bytes);
/* The size of the first `count` records, or of all bytes if there are fewer. */
size_t records_size(const struct record_format *format, struct slice bytes,
                    uint64_t count);

/* Whether an end is one whatever is before it, so that it can be looked for from
 * behind: not where two can overlap, as "\n\n" in "\n\n\n". */
bool records_end_by_themselves(const struct record_format *format);

#endif
