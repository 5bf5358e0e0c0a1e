/* SPDX-License-Identifier: MIT */
/*
 * A ring of chunks by seq: first .. next. Chunks may be discarded in any order; the
 * ring's beginning follows. It grows, and its size is bounded by what dispatch lets be
 * cut.
 */
#include "ventilator/store.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

struct kept {
    struct chunk chunk;
    bool present;   /* not discarded */
    bool has_bytes; /* chunk.bytes is a message */
};

struct store {
    struct source *source;
    bool rereads;
    struct kept *ring;
    uint64_t capacity;    /* a power of two, or 0 */
    uint64_t first, next; /* seqs */
    uint64_t bytes;
};

struct store *store_new(struct source *source)
{
    struct store *store = allocate_zeroed(1, sizeof *store);
    store->source = source;
    store->rereads = source_can_reread(source);
    return store;
}

static struct kept *slot(const struct store *store, uint64_t seq)
{
    return &store->ring[seq & (store->capacity - 1)];
}

static struct kept *find(const struct store *store, uint64_t seq)
{
    if (seq < store->first || seq >= store->next)
        return NULL;
    struct kept *kept = slot(store, seq);
    return kept->present ? kept : NULL;
}

static void drop_bytes(struct store *store, struct kept *kept)
{
    if (!kept->has_bytes)
        return;
    zmq_msg_close(&kept->chunk.bytes);
    kept->has_bytes = false;
    store->bytes -= kept->chunk.length;
}

void store_destroy(struct store **store_p)
{
    struct store *store = *store_p;
    if (!store)
        return;
    for (uint64_t seq = store->first; seq < store->next; seq++)
        store_discard(store, seq);
    free(store->ring);
    free(store);
    *store_p = NULL;
}

/* A message may not be copied as bytes, only moved. */
static void move_kept(struct kept *to, struct kept *from)
{
    *to = *from;
    if (from->has_bytes) {
        zmq_msg_init(&to->chunk.bytes);
        zmq_msg_move(&to->chunk.bytes, &from->chunk.bytes);
        zmq_msg_close(&from->chunk.bytes);
    }
}

static void grow(struct store *store)
{
    struct store old = *store;
    store->capacity = old.capacity ? old.capacity * 2 : 64;
    store->ring = allocate_zeroed(store->capacity, sizeof *store->ring);
    for (uint64_t seq = old.first; seq < old.next; seq++)
        move_kept(slot(store, seq), slot(&old, seq));
    free(old.ring);
}

void store_put(struct store *store, uint64_t seq, struct chunk *chunk)
{
    if (store->first == store->next)
        store->first = store->next = seq;
    assert(seq == store->next);
    if (store->next - store->first == store->capacity)
        grow(store);
    struct kept given = {.chunk = *chunk, .present = true, .has_bytes = true};
    struct kept *kept = slot(store, seq);
    *kept = given;
    zmq_msg_init(&kept->chunk.bytes);
    zmq_msg_move(&kept->chunk.bytes, &chunk->bytes);
    zmq_msg_close(&chunk->bytes);
    store->bytes += chunk->length;
    store->next++;
}

const struct chunk *store_find(const struct store *store, uint64_t seq)
{
    const struct kept *kept = find(store, seq);
    return kept ? &kept->chunk : NULL;
}

bool store_take_bytes(struct store *store, uint64_t seq, zmq_msg_t *ret_bytes)
{
    struct kept *kept = find(store, seq);
    assert(kept);
    if (!kept->has_bytes)
        return source_reread(store->source, &kept->chunk, ret_bytes);
    zmq_msg_init(ret_bytes);
    zmq_msg_copy(ret_bytes, &kept->chunk.bytes);
    if (store->rereads)
        drop_bytes(store, kept);
    return true;
}

void store_discard(struct store *store, uint64_t seq)
{
    struct kept *kept = find(store, seq);
    if (!kept)
        return;
    drop_bytes(store, kept);
    kept->present = false;
    while (store->first < store->next && !slot(store, store->first)->present)
        store->first++;
}

uint64_t store_bytes(const struct store *store)
{
    return store->bytes;
}
