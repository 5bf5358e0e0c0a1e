/* SPDX-License-Identifier: MIT */
/* Finds a text in bytes by that byte of it which is likely to be the rarest there. */
#ifndef FANFOLD_COMMON_TEXT_SEARCH_H
#define FANFOLD_COMMON_TEXT_SEARCH_H

#include <stddef.h>
#include <stdint.h>

/* Which byte of the text that is, from 0; to be known before the search. */
size_t text_search_anchor(const uint8_t *text, size_t text_size);

/* The first place, or NULL. */
const uint8_t *text_search(const uint8_t *bytes, size_t size, const uint8_t *text,
                           size_t text_size, size_t anchor);

#endif
