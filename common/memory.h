/* SPDX-License-Identifier: MIT */
/* Allocation that never fails: out of memory ends the process with a message, so that
 * no caller needs a path that no test reaches. Callers check the sizes that a peer
 * claims before they come here. Pure as far as a core is concerned. */
#ifndef FANFOLD_COMMON_MEMORY_H
#define FANFOLD_COMMON_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

/* Uninitialised; never NULL, not even for 0 bytes. */
void *allocate(size_t size);
/* Zeroed. */
void *allocate_zeroed(size_t count, size_t size);
/* As realloc; `memory` may be NULL. */
void *reallocate(void *memory, size_t count, size_t size);
/* Returns `elements`, of which `count` of *capacity are in use, with room for one more:
 * moved to twice the room if all are in use. `size` is the bytes of an element. */
void *room_for_one_more(void *elements, size_t count, size_t *capacity, size_t size);

/* Prints to a new string; the caller frees it. */
char *allocate_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *allocate_text_v(const char *format, va_list arguments)
    __attribute__((format(printf, 1, 0)));

/* Prints one line and calls abort(3). For an allocation of a library's that failed. */
void abort_out_of_memory(void) __attribute__((noreturn));

#endif
