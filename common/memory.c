/* SPDX-License-Identifier: MIT */
/* Allocation that aborts where there is none to be had. */
#include "common/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void *there(void *memory)
{
    if (!memory) {
        fputs("fanfold: out of memory\n", stderr);
        abort();
    }
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
        return there(NULL);
    size_t bytes = count * size;
    return there(realloc(memory, bytes ? bytes : 1));
}
