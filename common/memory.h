/* SPDX-License-Identifier: MIT */
/* Memory that is there: out of memory ends the process with a message, so that no
 * caller has to carry a path that no test reaches. Sizes that a peer claims are bounded
 * before they get here. */
#ifndef FANFOLD_COMMON_MEMORY_H
#define FANFOLD_COMMON_MEMORY_H

#include <stddef.h>

/* Uninitialised; never NULL, also for 0 bytes. */
void *allocate(size_t size);
/* Zeroed. */
void *allocate_zeroed(size_t count, size_t size);
/* As realloc; `memory` may be NULL. */
void *reallocate(void *memory, size_t count, size_t size);

#endif
