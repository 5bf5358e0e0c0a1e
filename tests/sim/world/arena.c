/* SPDX-License-Identifier: MIT */
#include "arena.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 20 };

struct arena_block {
    struct arena_block *next;
    _Alignas(max_align_t) unsigned char bytes[BLOCK_BYTES];
};

static void add_block(struct arena *arena)
{
    struct arena_block *block = malloc(sizeof *block);
    if (!block)
        abort();
    block->next = arena->blocks;
    arena->blocks = block;
    arena->used = 0;
}

void *arena_take(struct arena *arena, size_t size)
{
    size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    assert(size <= BLOCK_BYTES);
    if (!arena->blocks || arena->used + size > BLOCK_BYTES)
        add_block(arena);
    void *taken = arena->blocks->bytes + arena->used;
    arena->used += size;
    return memset(taken, 0, size);
}

void *arena_copy(struct arena *arena, const void *data, size_t size)
{
    return size > 0 ? memcpy(arena_take(arena, size), data, size) : NULL;
}

void arena_reset(struct arena *arena)
{
    while (arena->blocks && arena->blocks->next) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        free(block);
    }
    arena->used = 0;
}

void arena_deinit(struct arena *arena)
{
    arena_reset(arena);
    free(arena->blocks);
    arena->blocks = NULL;
}
