/* SPDX-License-Identifier: MIT */
/*
 * A ring of chunks by seq: first .. next. The owner discards chunks in any order, and
 * `first` follows. The ring grows; dispatch bounds its size, as it says how much to
 * cut.
 */
#include "ventilator/chunk_store.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

struct chunk_entry {
    struct chunk chunk;
    bool present;   /* not discarded */
    bool has_bytes; /* else chunk.bytes is empty */
};

struct chunk_store {
    struct source *source;
    bool rereads;
    struct chunk_entry *ring;
    uint64_t capacity;    /* a power of two, or 0 */
    uint64_t first, next; /* seqs */
};

struct chunk_store *chunk_store_new(struct source *source)
{
    struct chunk_store *chunk_store = allocate_zeroed(1, sizeof *chunk_store);
    chunk_store->source = source;
    chunk_store->rereads = source_can_reread(source);
    return chunk_store;
}

static struct chunk_entry *at(const struct chunk_store *chunk_store, uint64_t seq)
{
    return &chunk_store->ring[seq & (chunk_store->capacity - 1)];
}

static struct chunk_entry *find(const struct chunk_store *chunk_store, uint64_t seq)
{
    if (seq < chunk_store->first || seq >= chunk_store->next)
        return NULL;
    struct chunk_entry *entry = at(chunk_store, seq);
    return entry->present ? entry : NULL;
}

static void drop_bytes(struct chunk_entry *entry)
{
    if (!entry->has_bytes)
        return;
    zmq_msg_close(&entry->chunk.bytes);
    zmq_msg_init(&entry->chunk.bytes);
    entry->has_bytes = false;
}

void chunk_store_destroy(struct chunk_store **chunk_store_p)
{
    struct chunk_store *chunk_store = *chunk_store_p;
    if (!chunk_store)
        return;
    for (uint64_t seq = chunk_store->first; seq < chunk_store->next; seq++)
        chunk_store_discard(chunk_store, seq);
    free(chunk_store->ring);
    free(chunk_store);
    *chunk_store_p = NULL;
}

/* A message is moved by its own function, never copied as bytes. */
static void move_entry(struct chunk_entry *to, struct chunk_entry *from)
{
    *to = *from;
    if (from->has_bytes) {
        zmq_msg_init(&to->chunk.bytes);
        zmq_msg_move(&to->chunk.bytes, &from->chunk.bytes);
        zmq_msg_close(&from->chunk.bytes);
    }
}

static void grow(struct chunk_store *chunk_store)
{
    struct chunk_store old = *chunk_store;
    chunk_store->capacity = old.capacity ? old.capacity * 2 : 64;
    chunk_store->ring =
        allocate_zeroed(chunk_store->capacity, sizeof *chunk_store->ring);
    for (uint64_t seq = old.first; seq < old.next; seq++)
        move_entry(at(chunk_store, seq), at(&old, seq));
    free(old.ring);
}

void chunk_store_put(struct chunk_store *chunk_store, uint64_t seq, struct chunk *chunk)
{
    if (chunk_store->first == chunk_store->next)
        chunk_store->first = chunk_store->next = seq;
    assert(seq == chunk_store->next);
    if (chunk_store->next - chunk_store->first == chunk_store->capacity)
        grow(chunk_store);
    struct chunk_entry given = {.chunk = *chunk, .present = true, .has_bytes = true};
    struct chunk_entry *entry = at(chunk_store, seq);
    *entry = given;
    zmq_msg_init(&entry->chunk.bytes);
    zmq_msg_move(&entry->chunk.bytes, &chunk->bytes);
    zmq_msg_close(&chunk->bytes);
    chunk_store->next++;
}

const struct chunk *chunk_store_find(const struct chunk_store *chunk_store,
                                     uint64_t seq)
{
    const struct chunk_entry *entry = find(chunk_store, seq);
    return entry ? &entry->chunk : NULL;
}

bool chunk_store_take_bytes(struct chunk_store *chunk_store, uint64_t seq,
                            zmq_msg_t *ret_bytes)
{
    struct chunk_entry *entry = find(chunk_store, seq);
    assert(entry);
    if (!entry->has_bytes)
        return source_reread(chunk_store->source, &entry->chunk, ret_bytes);
    zmq_msg_init(ret_bytes);
    zmq_msg_copy(ret_bytes, &entry->chunk.bytes);
    if (chunk_store->rereads)
        drop_bytes(entry);
    return true;
}

void chunk_store_drop_bytes(struct chunk_store *chunk_store, uint64_t seq)
{
    struct chunk_entry *entry = find(chunk_store, seq);
    if (entry && chunk_store->rereads)
        drop_bytes(entry);
}

void chunk_store_discard(struct chunk_store *chunk_store, uint64_t seq)
{
    struct chunk_entry *entry = find(chunk_store, seq);
    if (!entry)
        return;
    drop_bytes(entry);
    entry->present = false;
    while (chunk_store->first < chunk_store->next &&
           !at(chunk_store, chunk_store->first)->present)
        chunk_store->first++;
}
