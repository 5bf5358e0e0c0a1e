/* SPDX-License-Identifier: MIT */
/* Memory of one run: nothing is freed before its end, so nothing in the simulator can
 * dangle. (The cores under test use malloc, and sanitizers watch them.) */
#ifndef FANFOLD_TESTS_SIM_WORLD_ARENA_H
#define FANFOLD_TESTS_SIM_WORLD_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *blocks; /* the current one first */
    size_t used;                /* of the current one */
};

/* Zeroed; never NULL. */
void *arena_take(struct arena *arena, size_t size);
/* A copy of `size` bytes at `data`; NULL for size 0. */
void *arena_copy(struct arena *arena, const void *data, size_t size);
/* Everything taken is void; one block is kept for the next run. */
void arena_reset(struct arena *arena);
void arena_deinit(struct arena *arena);

#endif
