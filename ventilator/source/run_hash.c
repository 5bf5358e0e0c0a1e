/* SPDX-License-Identifier: MIT */
#include "ventilator/source/run_hash.h"

#include "common/memory.h"
#include <endian.h>
#include <stdlib.h>

void run_hash_init(struct run_hash *hash)
{
    stream_hash_init(&hash->stream);
    hash->before = 0;
}

void run_hash_deinit(struct run_hash *hash)
{
    stream_hash_deinit(&hash->stream);
}

void run_hash_begin_input(struct run_hash *hash)
{
    stream_hash_seek(&hash->stream, 0);
    stream_hash_set(&hash->stream, hash->before);
}

void run_hash_end_input(struct run_hash *hash, uint32_t input)
{
    uint64_t value = htole64(stream_hash_value(&hash->stream));
    hash->before = XXH3_64bits_withSeed(&value, sizeof value, input + 1);
}

int run_hash_seek(const struct reader *reader, struct stream_hash *hash, uint32_t input,
                  uint64_t offset)
{
    size_t size = stream_hash_seek(hash, offset - reader_beginning(reader, input));
    if (size == 0)
        return 0;
    uint8_t *bytes = allocate(size);
    int result = input_list_reread(
        &reader->inputs, input, reader_own_offset(reader, offset) - size, bytes, size);
    if (result == 0)
        stream_hash_add(hash, bytes, size);
    free(bytes);
    return result;
}
