/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a spool's segments: a header, then entries. Pure; all numbers are
 * little-endian.
 *
 * A header:
 *
 *     offset  bytes
 *     0       8      "fanfoldS"
 *     8       4      version: 1
 *     12      4      size of the header, s
 *     16      16     the spool's id
 *     32      8      number of the segment
 *     40      8      number of its first entry
 *     48      4      how many producers
 *     52      ...    each: 1 byte, the length of its id; the id; 8 bytes, the highest
 *                    number of it that earlier segments hold
 *     s - 8   8      checksum of all that precedes
 *
 * An entry:
 *
 *     0       8      checksum of bytes 8 to 39
 *     8       8      checksum of the producer's id and the payload
 *     16      8      number of the entry; they rise by one through all segments
 *     24      8      the producer's own number; 0: it has none
 *     32      4      size of the payload
 *     36      1      kind: 1 record, 2 synced, 3 end
 *     37      1      length of the producer's id; 0: it has none
 *     38      2      0
 *     40      ...    the producer's id, the payload
 *
 * A "synced" says that all entries below its number are on the disk. It takes no number
 * of its own. An "end" has one, and is where a run ends that reads the spool. Checksums
 * are XXH3 with a seed from the spool's id, so that an entry of another spool is none
 * of this one.
 */
#ifndef FANFOLD_COMMON_SPOOL_SPOOL_FORMAT_H
#define FANFOLD_COMMON_SPOOL_SPOOL_FORMAT_H

#include "common/byte_buffer.h"
#include "common/id.h"
#include "common/slice.h"
#include "common/spool/producers.h"
#include <stdbool.h>

enum {
    SPOOL_VERSION = 1,
    SPOOL_HEADER_FIXED = 52,
    SPOOL_HEADER_MIN = SPOOL_HEADER_FIXED + 8,
    SPOOL_HEADER_MAX = SPOOL_HEADER_MIN + PRODUCERS_MAX * (9 + PRODUCER_ID_MAX),
    SPOOL_ENTRY_HEAD = 40,
};

struct spool_header {
    struct id spool;
    uint64_t segment; /* its number */
    uint64_t first;   /* entry */
    uint32_t size;    /* bytes of the header */
};

/* Appends a header to `buffer`, with what is synced of each of the producers. */
void spool_header_write(const struct spool_header *header,
                        const struct producers *producers, struct byte_buffer *buffer);

enum spool_header_outcome {
    SPOOL_HEADER_GOOD,
    SPOOL_HEADER_SHORT,   /* more bytes are needed: ret_header->size, if it is not 0 */
    SPOOL_HEADER_FOREIGN, /* no segment of a spool */
    SPOOL_HEADER_VERSION, /* one of another version */
    SPOOL_HEADER_DAMAGED,
};
/* Adds the producers to `producers`, unless it is NULL. */
enum spool_header_outcome spool_header_read(struct slice bytes,
                                            struct spool_header *ret_header,
                                            struct producers *producers);

enum spool_kind { SPOOL_RECORD = 1, SPOOL_SYNCED = 2, SPOOL_END = 3 };

struct spool_entry {
    enum spool_kind kind;
    uint64_t number;
    struct slice producer; /* its id; empty: none */
    uint64_t producer_number;
    struct slice payload;
};

/* Appends an entry. The payload has less than 4 GiB, the id at most PRODUCER_ID_MAX. */
void spool_entry_write(const struct spool_entry *entry, const struct id *spool,
                       struct byte_buffer *buffer);

enum spool_entry_outcome {
    SPOOL_ENTRY_GOOD,
    SPOOL_ENTRY_SHORT,   /* *ret_size bytes are needed to know more */
    SPOOL_ENTRY_DAMAGED, /* no entry begins here, or its content is not what it was */
};
/* The entry that begins the bytes, borrowed from them; *ret_size: its bytes. */
enum spool_entry_outcome spool_entry_read(struct slice bytes, const struct id *spool,
                                          struct spool_entry *ret_entry,
                                          size_t *ret_size);
/* The same without its content, for a caller that has but the head: payload and
 * producer have no data. Never GOOD of a head that is not intact. */
enum spool_entry_outcome spool_entry_read_head(struct slice bytes,
                                               const struct id *spool,
                                               struct spool_entry *ret_entry,
                                               size_t *ret_size);

#endif
