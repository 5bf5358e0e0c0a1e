/* SPDX-License-Identifier: MIT */
/*
 * The sum of the XXH3-64 hashes of segments of equal size, each seeded with its number,
 * so that none can take another's place. A sum can be taken apart again, which a hash
 * in one run cannot: that is what lets a run go on in the middle of a file, and a chunk
 * be checked, without a second hash of its own, when it is read again.
 */
#include "ventilator/source_hash.h"

#include "common/memory.h"
#ifdef XXHASH_DISPATCHES
#include <xxh_x86dispatch.h> /* the same functions, by the same names */
#endif

static void begin_segment(struct source_hash *hash, uint64_t segment)
{
    hash->segment = segment;
    hash->filled = 0;
    XXH3_64bits_reset_withSeed(hash->state, segment);
}

void source_hash_init(struct source_hash *hash)
{
    *hash = (struct source_hash){.state = XXH3_createState()};
    if (!hash->state)
        abort_out_of_memory();
    begin_segment(hash, 0);
}

void source_hash_deinit(struct source_hash *hash)
{
    XXH3_freeState(hash->state);
    hash->state = NULL;
}

size_t source_hash_seek(struct source_hash *hash, uint64_t offset)
{
    hash->sum = 0;
    begin_segment(hash, offset / SOURCE_HASH_SEGMENT);
    return (size_t)(offset % SOURCE_HASH_SEGMENT);
}

void source_hash_add(struct source_hash *hash, const void *bytes, size_t size)
{
    for (const uint8_t *from = bytes; size > 0;) {
        size_t part = SOURCE_HASH_SEGMENT - hash->filled;
        if (part > size)
            part = size;
        XXH3_64bits_update(hash->state, from, part);
        hash->filled += part;
        from += part;
        size -= part;
        if (hash->filled == SOURCE_HASH_SEGMENT) {
            hash->sum += XXH3_64bits_digest(hash->state);
            begin_segment(hash, hash->segment + 1);
        }
    }
}

uint64_t source_hash_value(const struct source_hash *hash)
{
    return hash->sum + (hash->filled ? XXH3_64bits_digest(hash->state) : 0);
}

void source_hash_set(struct source_hash *hash, uint64_t value)
{
    hash->sum += value - source_hash_value(hash);
}
