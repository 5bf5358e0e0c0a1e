/* SPDX-License-Identifier: MIT */
/* The lines at the beginning of bytes that may come in pieces. A line ends with a
 * newline; the last one may lack it. Pure. */
#ifndef FANFOLD_COMMON_LINES_H
#define FANFOLD_COMMON_LINES_H

#include "common/message.h"

/* How many bytes of this piece belong to the lines that are still to come, *lines of
 * them, which is counted down. */
size_t lines_take(struct slice piece, uint32_t *lines);

/* What follows after the first `lines` lines. */
struct slice lines_after(struct slice bytes, uint32_t lines);

#endif
