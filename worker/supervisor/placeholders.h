/* SPDX-License-Identifier: MIT */
/*
 * Numbers in a command's words, as GNU parallel has them: {#} is the chunk's number and
 * {%} the slot's, both from 1. Pure.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_PLACEHOLDERS_H
#define FANFOLD_WORKER_SUPERVISOR_PLACEHOLDERS_H

#include <stdint.h>

#define PLACEHOLDER_CHUNK "{#}"
#define PLACEHOLDER_SLOT  "{%}"

/* The placeholders in a word, as bits. */
enum { PLACEHOLDERS_CHUNK = 1, PLACEHOLDERS_SLOT = 2 };
unsigned placeholders_in(const char *word);
/* Those in words up to NULL. */
unsigned placeholders_in_words(char *const *words);

/* The word with the numbers in place of them; malloc, the caller's. */
char *placeholders_fill(const char *word, uint64_t chunk, uint32_t slot);

#endif
