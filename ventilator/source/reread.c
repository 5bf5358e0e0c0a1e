/* SPDX-License-Identifier: MIT */
#include "ventilator/source/reread.h"

#include "common/memory.h"
#include "common/records/record_seam.h"
#include "ventilator/source/run_hash.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Whether these are the bytes that the chunk was cut with; 0, 1: they are not, or what
 * reread says. */
static int compare(const struct reader *reader, const struct chunk *chunk,
                   const void *bytes)
{
    struct stream_hash hash;
    stream_hash_init(&hash);
    int result = run_hash_seek(reader, &hash, chunk->input, chunk->offset);
    uint64_t before = stream_hash_value(&hash);
    stream_hash_add(&hash, bytes, chunk_input_length(chunk));
    uint64_t is = stream_hash_value(&hash) - before;
    stream_hash_deinit(&hash);
    return result < 0 ? result : is != chunk->hash_after - chunk->hash_before;
}

static const char *describe(int result)
{
    return result > 0           ? "it was changed while it was read"
           : result == -ENODATA ? "it is shorter than it was"
           : result == -ESTALE  ? "another file has taken its place"
                                : strerror(-result);
}

bool reread_chunk(struct reader *reader, const struct record_format *format,
                  const struct chunk *chunk, zmq_msg_t *ret_bytes)
{
    zmq_msg_t bytes;
    uint64_t length = chunk_input_length(chunk);
    struct slice added = record_seam_bytes(format, chunk->added);
    if (zmq_msg_init_size(&bytes, chunk->length))
        abort_out_of_memory();
    memcpy((uint8_t *)zmq_msg_data(&bytes) + length, added.data, added.size);
    uint64_t from = reader_own_offset(reader, chunk->offset);
    int result = input_list_reread(&reader->inputs, chunk->input, from,
                                   zmq_msg_data(&bytes), length);
    if (result == 0)
        result = compare(reader, chunk, zmq_msg_data(&bytes));
    if (result == 0) {
        zmq_msg_init(ret_bytes);
        zmq_msg_move(ret_bytes, &bytes);
        zmq_msg_close(&bytes);
        return true;
    }
    zmq_msg_close(&bytes);
    reader_fail(reader, "cannot read bytes %" PRIu64 "-%" PRIu64 " of %s again: %s",
                from, from + length - 1, reader->inputs.items[chunk->input].name,
                describe(result));
    return false;
}
