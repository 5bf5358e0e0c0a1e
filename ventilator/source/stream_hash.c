/* SPDX-License-Identifier: MIT */
/*
 * The sum of the XXH3-64 hashes of segments of equal size, each seeded with its number,
 * so that none can take another's place. A sum can be taken apart again, unlike one
 * hash of all bytes: so a run can resume in the middle of a file, and a chunk that is
 * read again needs no second hash of its own.
 */
#include "ventilator/source/stream_hash.h"

#include "common/memory.h"
#ifdef XXHASH_DISPATCHES
#include <xxh_x86dispatch.h> /* the same functions, by the same names */
#endif

static void begin_segment(struct stream_hash *hash, uint64_t segment)
{
    hash->segment = segment;
    hash->filled = 0;
    XXH3_64bits_reset_withSeed(hash->state, segment);
}

void stream_hash_init(struct stream_hash *hash)
{
    *hash = (struct stream_hash){.state = XXH3_createState()};
    if (!hash->state)
        abort_out_of_memory();
    begin_segment(hash, 0);
}

void stream_hash_deinit(struct stream_hash *hash)
{
    XXH3_freeState(hash->state);
    hash->state = NULL;
}

size_t stream_hash_seek(struct stream_hash *hash, uint64_t offset)
{
    hash->sum = 0;
    begin_segment(hash, offset / STREAM_HASH_SEGMENT);
    return (size_t)(offset % STREAM_HASH_SEGMENT);
}

void stream_hash_add(struct stream_hash *hash, const void *bytes, size_t size)
{
    for (const uint8_t *from = bytes; size > 0;) {
        size_t part = STREAM_HASH_SEGMENT - hash->filled;
        if (part > size)
            part = size;
        XXH3_64bits_update(hash->state, from, part);
        hash->filled += part;
        from += part;
        size -= part;
        if (hash->filled == STREAM_HASH_SEGMENT) {
            hash->sum += XXH3_64bits_digest(hash->state);
            begin_segment(hash, hash->segment + 1);
        }
    }
}

uint64_t stream_hash_value(const struct stream_hash *hash)
{
    return hash->sum + (hash->filled ? XXH3_64bits_digest(hash->state) : 0);
}

void stream_hash_set(struct stream_hash *hash, uint64_t value)
{
    hash->sum += value - stream_hash_value(hash);
}
