/* SPDX-License-Identifier: MIT */
/* Every result passes `there`, which aborts on NULL. */
#include "common/memory.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { CAPACITY_FIRST = 16 };

void abort_out_of_memory(void)
{
    fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
    abort();
}

static void *there(void *memory)
{
    if (!memory)
        abort_out_of_memory();
    return memory;
}

void *allocate(size_t size)
{
    return there(malloc(size ? size : 1));
}

void *allocate_zeroed(size_t count, size_t size)
{
    return there(calloc(count ? count : 1, size ? size : 1));
}

void *reallocate(void *memory, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        abort_out_of_memory();
    size_t bytes = count * size;
    return there(realloc(memory, bytes ? bytes : 1));
}

void *room_for_one_more(void *elements, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return elements;
    *capacity = *capacity ? 2 * *capacity : CAPACITY_FIRST;
    return reallocate(elements, *capacity, size);
}

char *allocate_text_v(const char *format, va_list arguments)
{
    char *text;
    if (vasprintf(&text, format, arguments) < 0)
        abort_out_of_memory();
    return text;
}

char *allocate_text(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = allocate_text_v(format, arguments);
    va_end(arguments);
    return text;
}
