/* SPDX-License-Identifier: MIT */
/*
 * Reads the values of options as GNU parallel does. Each function returns false unless
 * the whole text is such a value, and then leaves its output untouched; the caller says
 * what was wrong.
 */
#ifndef FANFOLD_COMMON_PARSE_H
#define FANFOLD_COMMON_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "1M", "64k", "10000": K M G T are powers of 1024, k m g t of 1000, as in GNU
 * parallel. A decimal fraction before a suffix is allowed ("1.5G"). */
bool parse_size(const char *text, uint64_t *ret_bytes);

/* "5", "0.5", "2m", "1h30m", "10ms": seconds, or with us ms s m h d; microseconds out.
 * At most a quarter of INT64_MAX, so that a deadline cannot overflow. */
bool parse_duration(const char *text, int64_t *ret_us);

/* A decimal number from `min` to `max`. */
bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number);

/* "150%": such a number before a percent sign. */
bool parse_percent(const char *text, uint64_t min, uint64_t max, uint64_t *ret_percent);

/* \n \t \r \0 \\ \a \b \f \v \xHH \NNN; writes at most strlen(text) bytes to `buffer`.
 * False: a bad escape. */
bool parse_escapes(const char *text, char *buffer, size_t *ret_size);

/* "12.3 MiB": for people. Returns `buffer`. */
const char *format_size(char *buffer, size_t size, uint64_t bytes);

#endif
