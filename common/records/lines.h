/* SPDX-License-Identifier: MIT */
/* The lines at the beginning of bytes that may come in pieces. A line ends with a
 * newline; the last one may lack it. Pure. */
#ifndef FANFOLD_COMMON_RECORDS_LINES_H
#define FANFOLD_COMMON_RECORDS_LINES_H

#include "common/slice.h"

/* How many bytes of this piece belong to the first *lines lines; counts *lines down by
 * those that end in it. */
size_t lines_take(struct slice piece, uint32_t *lines);

/* The bytes after the first `lines` lines. */
struct slice lines_after(struct slice bytes, uint32_t lines);

#endif
