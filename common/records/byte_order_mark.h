/* SPDX-License-Identifier: MIT */
/* The three bytes EF BB BF with which some programs begin text in UTF-8. Pure. */
#ifndef FANFOLD_COMMON_RECORDS_BYTE_ORDER_MARK_H
#define FANFOLD_COMMON_RECORDS_BYTE_ORDER_MARK_H

#include "common/records/record_format.h"
#include "common/slice.h"
#include <stdbool.h>

enum { BYTE_ORDER_MARK_SIZE = 3 };

/* Whether it matters what a record of the format begins with: the mark is passed over
 * there. */
bool byte_order_mark_is_passed(const struct record_format *format);
/* 3 if the bytes begin with the mark, else 0. */
size_t byte_order_mark_size(struct slice bytes);
/* The bytes are a part of the mark, or none: more would tell. */
bool byte_order_mark_is_open(struct slice bytes);
/* 3 if the mark is right before the byte `at`, at a line's beginning that is not that
 * of the bytes; else 0. */
size_t byte_order_mark_before(struct slice bytes, size_t at);

#endif
