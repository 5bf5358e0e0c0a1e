/* SPDX-License-Identifier: MIT */
/* The end of a function that has failed. */
#ifndef FANFOLD_COMMON_FAIL_H
#define FANFOLD_COMMON_FAIL_H

#include <stddef.h>

/* Puts the sentence into `error`, and returns `result`. */
int fail(int result, char *error, size_t error_size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
