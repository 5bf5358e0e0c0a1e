/* SPDX-License-Identifier: MIT */
/*
 * Finds the border of a record by PCRE2 expressions; record_format.h says what they
 * mean. Every search ends, however bad the expression or the input: the bytes that a
 * match may see, its steps and its memory are limited, and so is the processor's time
 * of all searches.
 */
#ifndef FANFOLD_COMMON_RECORDS_RECORD_REGEX_H
#define FANFOLD_COMMON_RECORDS_RECORD_REGEX_H

#include "common/records/record_format.h"
#include "common/slice.h"

struct record_regex;

/* For a format with `regexp`. NULL: it cannot be used, and `error` says why. */
struct record_regex *record_regex_new(const struct record_format *format, char *error,
                                      size_t error_size);
void record_regex_destroy(struct record_regex **regex_p);

/* A search from a record's beginning on. All zero at first. */
struct regex_search {
    bool began;  /* we know whether the record begins with a start */
    size_t from; /* no match begins before it */
};

enum regex_outcome {
    REGEX_FOUND,  /* the record ends after *ret_size bytes, at least 1 */
    REGEX_OPEN,   /* there is no border, or more bytes are needed to tell */
    REGEX_FAILED, /* a limit was reached: record_regex_problem */
};

enum regex_outcome record_regex_find(struct record_regex *regex,
                                     struct regex_search *search, struct slice bytes,
                                     bool ended, size_t *ret_size);

/* Why a limit was reached: words that follow "the record at byte N". */
const char *record_regex_problem(const struct record_regex *regex);

#endif
