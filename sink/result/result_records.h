/* SPDX-License-Identifier: MIT */
/*
 * The records of a result, one after the other, wherever its bytes lie. What only marks
 * a record's border is not given out: the end of lines and of csv (with the carriage
 * return before it), the length of frames. Records of the other kinds are given out as
 * they are.
 */
#ifndef FANFOLD_SINK_RESULT_RESULT_RECORDS_H
#define FANFOLD_SINK_RESULT_RESULT_RECORDS_H

#include "common/records/record_format.h"
#include "sink/result/result.h"

struct result_records;

/* Copies the format. */
struct result_records *result_records_new(const struct record_format *format);
void result_records_destroy(struct result_records **records_p);
/* The next call begins with another result's first record. */
void result_records_restart(struct result_records *records);
/*
 * 1: the next record of the result, which stays valid until the next call, and as long
 * as the result is where it is; 0: it has no more; -EBADMSG: what follows is no record
 * of the format; other -errno of reading a spilled result. A record of a spilled one is
 * brought back into memory.
 */
int result_records_next(struct result_records *records, const struct result *result,
                        struct slice *ret_record);

#endif
