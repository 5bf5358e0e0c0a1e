/* SPDX-License-Identifier: MIT */
/* Reads a dead letter's description, the JSON that the sink writes: a flat object whose
 * members are strings and numbers. Whatever else comes is an empty text. Pure. */
#ifndef FANFOLD_DEPLOY_LIB_FAILURE_TEXT_H
#define FANFOLD_DEPLOY_LIB_FAILURE_TEXT_H

#include <stddef.h>

/* The member's string, decoded to UTF-8 and cut to fit; "" if there is none. */
void failure_text_string(const char *json, size_t size, const char *name, char *text,
                         size_t text_size);
/* The same without the ends of line at its end. */
void failure_text_lines(const char *json, size_t size, const char *name, char *text,
                        size_t text_size);
/* 0: there is none. */
unsigned failure_text_number(const char *json, size_t size, const char *name);

#endif
