/* SPDX-License-Identifier: MIT */
/* Bytes that another object owns. Pure. */
#ifndef FANFOLD_COMMON_SLICE_H
#define FANFOLD_COMMON_SLICE_H

#include <stddef.h>
#include <stdint.h>

struct slice {
    const uint8_t *data;
    size_t size;
};

struct slice slice_of_text(const char *text);
/* Copies into a string of `size` bytes, cut to fit. */
void slice_copy_text(struct slice slice, char *to, size_t size);
/* The same for a person to read: a byte that is neither printable nor part of a UTF-8
 * character becomes \xNN, a line's end too. Whatever a peer sends is shown by this or
 * by log_quote: it might drive the terminal, or write lines in our name. */
void slice_copy_printable(struct slice slice, char *to, size_t size);

#endif
