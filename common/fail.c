/* SPDX-License-Identifier: MIT */
#include "common/fail.h"

#include <stdarg.h>
#include <stdio.h>

int fail(int result, char *error, size_t error_size, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(error, error_size, format, list);
    va_end(list);
    return result;
}
