/* SPDX-License-Identifier: MIT */
/*
 * What the chaos runs have their workers do, as a program and as a plugin alike: small
 * letters become capital ones, in a time that the test sets. A chunk with a line that
 * begins with `FAIL ` or `CRASH ` fails, each time it is tried.
 */
#ifndef FANFOLD_TESTS_CHAOS_WORK_H
#define FANFOLD_TESTS_CHAOS_WORK_H

#include <stdbool.h>
#include <stddef.h>

enum { CHUNK_FAILED = 3 };

/* Until work_end, a file DIRECTORY/busy/PID tells the test that this process has a
 * chunk. */
void work_begin(const char *directory, unsigned attempt);
void work_end(const char *directory);

/* False: there is a bad record, whose line *ret_bad begins. A line that begins with
 * `HOLD ` makes it wait while there is a file DIRECTORY/hold. */
bool work_check(const char *directory, const unsigned char *data, size_t size,
                const unsigned char **ret_bad);

/* `to` has room for as many bytes. */
void work_convert(const unsigned char *data, size_t size, unsigned char *to);

/* What a bad record does: dies of it, or returns (the chunk has failed). */
void work_suffer(const unsigned char *bad);

#endif
