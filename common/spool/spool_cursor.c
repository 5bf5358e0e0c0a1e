/* SPDX-License-Identifier: MIT */
#include "common/spool/spool_cursor.h"

#include <errno.h>
#include <unistd.h>

enum { READ_BYTES = 256 << 10 };

void spool_cursor_start(struct spool_cursor *cursor, int fd,
                        const struct spool_header *header)
{
    cursor->fd = fd;
    cursor->spool = header->spool;
    cursor->offset = header->size;
    cursor->number = header->first;
    cursor->bytes.size = cursor->used = 0;
}

void spool_cursor_deinit(struct spool_cursor *cursor)
{
    byte_buffer_deinit(&cursor->bytes);
}

uint64_t spool_cursor_place(const struct spool_cursor *cursor)
{
    return cursor->offset + cursor->used;
}

ssize_t spool_cursor_fill(struct spool_cursor *cursor)
{
    struct byte_buffer *bytes = &cursor->bytes;
    if (cursor->used > 0) {
        byte_buffer_skip(bytes, cursor->used);
        cursor->offset += cursor->used;
        cursor->used = 0;
    }
    byte_buffer_reserve(bytes, bytes->size + READ_BYTES);
    ssize_t got;
    do
        got = pread(cursor->fd, bytes->data + bytes->size, READ_BYTES,
                    (off_t)(cursor->offset + bytes->size));
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    bytes->size += (size_t)got;
    return got;
}

/* Whether it is the one that must follow. */
static bool fits(const struct spool_cursor *cursor, const struct spool_entry *entry)
{
    return entry->number == cursor->number;
}

int spool_cursor_peek(struct spool_cursor *cursor, struct spool_entry *ret_entry,
                      size_t *ret_size)
{
    for (;;) {
        struct slice bytes = {cursor->bytes.data + cursor->used,
                              cursor->bytes.size - cursor->used};
        switch (spool_entry_read(bytes, &cursor->spool, ret_entry, ret_size)) {
        case SPOOL_ENTRY_GOOD:
            return fits(cursor, ret_entry) ? SPOOL_STEP_ENTRY : SPOOL_STEP_DAMAGED;
        case SPOOL_ENTRY_DAMAGED:
            return SPOOL_STEP_DAMAGED;
        case SPOOL_ENTRY_SHORT:
            break;
        }
        ssize_t got = spool_cursor_fill(cursor);
        if (got < 0)
            return (int)got;
        if (got == 0)
            return cursor->bytes.size > cursor->used ? SPOOL_STEP_TORN : SPOOL_STEP_END;
    }
}

void spool_cursor_take(struct spool_cursor *cursor, const struct spool_entry *entry,
                       size_t size)
{
    cursor->used += size;
    if (entry->kind != SPOOL_SYNCED)
        cursor->number++;
}
