/* SPDX-License-Identifier: MIT */
#include "common/spool/spool_recovery.h"

#include "common/spool/spool_cursor.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int cannot_read(struct spool_directory *directory, uint64_t segment, int error)
{
    char name[SPOOL_NAME_SIZE];
    return spool_directory_fail(directory, error, "cannot read %s: %s",
                                spool_segment_name(segment, name), strerror(-error));
}

static void note_producer(struct producers *producers, const struct spool_entry *entry)
{
    struct producer *producer =
        entry->producer.size ? producers_add(producers, entry->producer) : NULL;
    if (producer && producer->highest < entry->producer_number)
        producer->highest = producer->synced = entry->producer_number;
}

/* 1: behind the cursor, anything may lie between, an entry says that more than what the
 * cursor has seen was synced; 0: none does; -errno. */
static int look_for_synced(struct spool_cursor *cursor)
{
    struct spool_entry entry;
    size_t size;
    for (;;) {
        struct byte_buffer *bytes = &cursor->bytes;
        for (; bytes->size - cursor->used >= SPOOL_ENTRY_HEAD; cursor->used++) {
            struct slice rest = {bytes->data + cursor->used,
                                 bytes->size - cursor->used};
            if (spool_entry_read_head(rest, &cursor->spool, &entry, &size) ==
                    SPOOL_ENTRY_GOOD &&
                entry.kind == SPOOL_SYNCED && entry.number > cursor->number)
                return 1;
        }
        ssize_t got = spool_cursor_fill(cursor);
        if (got <= 0)
            return (int)got;
    }
}

static int judge_rest(struct spool_directory *directory, struct spool_cursor *cursor,
                      uint64_t segment)
{
    char name[SPOOL_NAME_SIZE];
    uint64_t place = spool_cursor_place(cursor);
    int found = look_for_synced(cursor);
    if (found < 0)
        return cannot_read(directory, segment, found);
    if (found == 0)
        return 0;
    return spool_directory_fail(
        directory, -EBADMSG,
        "%s is damaged at byte %" PRIu64 " (entry %" PRIu64 "), in front of entries "
        "that were acknowledged",
        spool_segment_name(segment, name), place, cursor->number);
}

int spool_recover(struct spool_directory *directory, int fd,
                  const struct spool_header *header, struct producers *producers,
                  struct spool_recovery *ret_recovery)
{
    struct spool_cursor cursor = {.fd = fd};
    struct spool_entry entry;
    bool synced = true;
    size_t size;
    int step;
    spool_cursor_start(&cursor, fd, header);
    while ((step = spool_cursor_peek(&cursor, &entry, &size)) == SPOOL_STEP_ENTRY) {
        note_producer(producers, &entry);
        synced = entry.kind == SPOOL_SYNCED;
        spool_cursor_take(&cursor, &entry, size);
    }
    *ret_recovery = (struct spool_recovery){
        .size = spool_cursor_place(&cursor),
        .next = cursor.number,
        .synced = synced,
        .torn = step != SPOOL_STEP_END,
    };
    int result = 0;
    if (step < 0)
        result = cannot_read(directory, header->segment, step);
    else if (step != SPOOL_STEP_END)
        result = judge_rest(directory, &cursor, header->segment);
    spool_cursor_deinit(&cursor);
    return result;
}
