/* SPDX-License-Identifier: MIT */
/* Memory that is there: out of memory ends the process with a message, so that no
 * caller has to carry a path that no test reaches. Sizes that a peer claims are bounded
 * before they get here. Pure as far as a core is concerned. */
#ifndef FANFOLD_COMMON_MEMORY_H
#define FANFOLD_COMMON_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

/* Uninitialised; never NULL, also for 0 bytes. */
void *allocate(size_t size);
/* Zeroed. */
void *allocate_zeroed(size_t count, size_t size);
/* As realloc; `memory` may be NULL. */
void *reallocate(void *memory, size_t count, size_t size);
/* `elements` of `size` bytes, `count` in use of *capacity, with room for one more:
 * moved to twice the room where all are in use. */
void *room_for_one_more(void *elements, size_t count, size_t *capacity, size_t size);

/* A text of its own. */
char *allocate_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *allocate_text_v(const char *format, va_list arguments)
    __attribute__((format(printf, 1, 0)));

/* One line and abort(3): what every allocation that fails comes to, a library's too. */
void abort_out_of_memory(void) __attribute__((noreturn));

#endif
