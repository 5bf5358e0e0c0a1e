/* SPDX-License-Identifier: MIT */
/* Reads the entries of one segment, one after the other, as far as its file reaches. */
#ifndef FANFOLD_COMMON_SPOOL_SPOOL_CURSOR_H
#define FANFOLD_COMMON_SPOOL_SPOOL_CURSOR_H

#include "common/spool/spool_format.h"

struct spool_cursor {
    int fd; /* borrowed */
    struct id spool;
    uint64_t offset;          /* in the file, of the first byte in `bytes` */
    uint64_t number;          /* of the next record */
    struct byte_buffer bytes; /* read, from `offset` on */
    size_t used;              /* of them: entries that were taken */
};

/* Begins behind the header. */
void spool_cursor_start(struct spool_cursor *cursor, int fd,
                        const struct spool_header *header);
void spool_cursor_deinit(struct spool_cursor *cursor);

enum spool_step {
    SPOOL_STEP_ENTRY,
    SPOOL_STEP_END,  /* the file ends here */
    SPOOL_STEP_TORN, /* the file ends within an entry */
    SPOOL_STEP_DAMAGED,
};

/* Reads the next entry, borrowed until the next call, without taking it; reads the file
 * where needed. A step, or -errno. */
int spool_cursor_peek(struct spool_cursor *cursor, struct spool_entry *ret_entry,
                      size_t *ret_size);
/* Takes the entry that was peeked last. */
void spool_cursor_take(struct spool_cursor *cursor, const struct spool_entry *entry,
                       size_t size);
/* Reads more of the file into `bytes`. Bytes, 0 at its end, or -errno. */
ssize_t spool_cursor_fill(struct spool_cursor *cursor);
/* The place in the file of the next entry. */
uint64_t spool_cursor_place(const struct spool_cursor *cursor);

#endif
