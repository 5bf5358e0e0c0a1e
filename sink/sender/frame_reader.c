/* SPDX-License-Identifier: MIT */
#include "sink/sender/frame_reader.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { HEAD_BYTES = 4, READ_BYTES = 256 << 10 };

void frame_reader_seek(struct frame_reader *reader, uint64_t offset, uint64_t number)
{
    reader->offset = offset;
    reader->number = number;
    reader->bytes.size = reader->used = 0;
}

void frame_reader_deinit(struct frame_reader *reader)
{
    byte_buffer_deinit(&reader->bytes);
}

/* Makes sure that `size` bytes of the next frame are there. 1; 0: the file ends before;
 * -errno. */
static int need(struct frame_reader *reader, size_t size)
{
    struct byte_buffer *bytes = &reader->bytes;
    if (bytes->size - reader->used >= size)
        return 1;
    byte_buffer_skip(bytes, reader->used);
    reader->used = 0;
    byte_buffer_reserve(bytes, size > READ_BYTES ? size : READ_BYTES);
    while (bytes->size < size) {
        ssize_t got = pread(reader->fd, bytes->data + bytes->size,
                            bytes->capacity - bytes->size,
                            (off_t)(reader->offset + bytes->size));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : 0;
        bytes->size += (size_t)got;
    }
    return 1;
}

int frame_reader_next(struct frame_reader *reader, uint64_t limit,
                      struct slice *ret_record)
{
    uint32_t length;
    if (reader->offset == limit)
        return 0;
    int result = limit - reader->offset < HEAD_BYTES ? 0 : need(reader, HEAD_BYTES);
    if (result <= 0)
        return result < 0 ? result : -EBADMSG;
    memcpy(&length, reader->bytes.data + reader->used, sizeof length);
    size_t size = HEAD_BYTES + (size_t)be32toh(length);
    if (size > limit - reader->offset)
        return -EBADMSG;
    result = need(reader, size);
    if (result <= 0)
        return result < 0 ? result : -EBADMSG;
    *ret_record = (struct slice){reader->bytes.data + reader->used + HEAD_BYTES,
                                 size - HEAD_BYTES};
    reader->used += size;
    reader->offset += size;
    reader->number++;
    return 1;
}
