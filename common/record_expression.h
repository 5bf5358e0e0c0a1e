/* SPDX-License-Identifier: MIT */
/*
 * The border of a record by expressions (PCRE2; records.h says what they mean). However
 * bad an expression or its input is, a search ends: what one match may see, its steps
 * and its memory are limited, and so is the processor's time of all.
 */
#ifndef FANFOLD_COMMON_RECORD_EXPRESSION_H
#define FANFOLD_COMMON_RECORD_EXPRESSION_H

#include "common/records.h"

struct record_expression;

/* Of a format with `regexp`. NULL: it cannot be used, and `error` says why. */
struct record_expression *record_expression_new(const struct record_format *format,
                                                char *error, size_t error_size);
void record_expression_destroy(struct record_expression **expression_p);

/* A search from a record's beginning on. All zero at first. */
struct expression_search {
    bool began;  /* it is known whether the record begins with a start */
    size_t from; /* no match begins before it */
};

enum expression_outcome {
    EXPRESSION_FOUND,  /* the record ends after *ret_size bytes, at least 1 */
    EXPRESSION_OPEN,   /* there is no border, or more bytes are needed to tell */
    EXPRESSION_FAILED, /* a limit was reached: record_expression_problem */
};

enum expression_outcome record_expression_find(struct record_expression *expression,
                                               struct expression_search *search,
                                               struct slice bytes, bool ended,
                                               size_t *ret_size);

/* Words that follow "the record at byte N". */
const char *record_expression_problem(const struct record_expression *expression);

#endif
