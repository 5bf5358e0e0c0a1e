/* SPDX-License-Identifier: MIT */
/* Finds a text in bytes by the byte of the text that is likely to be the rarest. */
#ifndef FANFOLD_COMMON_RECORDS_BYTE_SEARCH_H
#define FANFOLD_COMMON_RECORDS_BYTE_SEARCH_H

#include <stddef.h>
#include <stdint.h>

/* The index of that byte, for byte_search. */
size_t byte_search_anchor(const uint8_t *text, size_t text_size);

/* The first place, or NULL. */
const uint8_t *byte_search(const uint8_t *bytes, size_t size, const uint8_t *text,
                           size_t text_size, size_t anchor);

#endif
