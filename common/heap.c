/* SPDX-License-Identifier: MIT */
/* Only `place` writes an entry, and it tells the owner the index. */
#include "common/heap.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

void heap_init(struct heap *heap)
{
    *heap = (struct heap){0};
}

void heap_deinit(struct heap *heap)
{
    free(heap->entries);
    *heap = (struct heap){0};
}

static void place(struct heap *heap, size_t index, struct heap_entry entry)
{
    heap->entries[index] = entry;
    if (entry.at)
        *entry.at = index;
}

static void sift_up(struct heap *heap, size_t index, struct heap_entry entry)
{
    for (; index > 0; index = (index - 1) / 2) {
        const struct heap_entry *parent = &heap->entries[(index - 1) / 2];
        if (parent->key <= entry.key)
            break;
        place(heap, index, *parent);
    }
    place(heap, index, entry);
}

static void sift_down(struct heap *heap, size_t index, struct heap_entry entry)
{
    for (size_t child; (child = 2 * index + 1) < heap->count; index = child) {
        if (child + 1 < heap->count &&
            heap->entries[child + 1].key < heap->entries[child].key)
            child++;
        if (entry.key <= heap->entries[child].key)
            break;
        place(heap, index, heap->entries[child]);
    }
    place(heap, index, entry);
}

void heap_push(struct heap *heap, uint64_t key, void *owner, size_t *at)
{
    heap->entries = room_for_one_more(heap->entries, heap->count, &heap->capacity,
                                      sizeof *heap->entries);
    sift_up(heap, heap->count++, (struct heap_entry){key, owner, at});
}

void heap_remove(struct heap *heap, size_t index)
{
    assert(index < heap->count);
    struct heap_entry last = heap->entries[--heap->count];
    if (index == heap->count)
        return;
    if (index > 0 && last.key < heap->entries[(index - 1) / 2].key)
        sift_up(heap, index, last);
    else
        sift_down(heap, index, last);
}

struct heap_entry heap_pop(struct heap *heap)
{
    assert(heap->count > 0);
    struct heap_entry lowest = heap->entries[0];
    heap_remove(heap, 0);
    return lowest;
}
