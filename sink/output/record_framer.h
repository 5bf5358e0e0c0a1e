/* SPDX-License-Identifier: MIT */
/*
 * Turns results into frames, one a record: a length, then the record. Hands them out in
 * pieces of any size.
 */
#ifndef FANFOLD_SINK_OUTPUT_RECORD_FRAMER_H
#define FANFOLD_SINK_OUTPUT_RECORD_FRAMER_H

#include "sink/result/result_records.h"

struct record_framer;

struct record_framer *record_framer_new(const struct record_format *format);
void record_framer_destroy(struct record_framer **framer_p);
/*
 * Copies up to `size` of the result's next bytes to `data`, from the first one on when
 * the result before it has ended. 1: these were the last; 0: some are left; in both
 * cases *ret_size says how many were copied. -EBADMSG: the result is not made of
 * records; other -errno of reading it.
 */
int record_framer_read(struct record_framer *framer, const struct result *result,
                       uint8_t *data, size_t size, size_t *ret_size);

#endif
