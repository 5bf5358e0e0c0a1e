/* SPDX-License-Identifier: MIT */
/*
 * A binary heap, lowest key first, from which any entry can leave: the heap tells each
 * owner at which index its entry lies. Pure.
 */
#ifndef FANFOLD_COMMON_HEAP_H
#define FANFOLD_COMMON_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct heap_entry {
    uint64_t key;
    void *owner; /* the caller's; the heap does not look into it */
    size_t *at;  /* the heap keeps the entry's index there; NULL: nobody needs it */
};

struct heap {
    struct heap_entry *entries; /* entries[0] has the lowest key */
    size_t count, capacity;
};

void heap_init(struct heap *heap);
void heap_deinit(struct heap *heap);
/* `at` must stay valid for as long as the entry is in the heap. */
void heap_push(struct heap *heap, uint64_t key, void *owner, size_t *at);
/* Removes and returns the entry with the lowest key; the heap must not be empty. */
struct heap_entry heap_pop(struct heap *heap);
/* Removes the entry at this index. */
void heap_remove(struct heap *heap, size_t index);

#endif
