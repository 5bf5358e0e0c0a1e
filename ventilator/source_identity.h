/* SPDX-License-Identifier: MIT */
/*
 * Which inputs a run reads, and by which options they are cut: what has to be the same
 * when the run goes on. Goes out with WELCOME, lies in the journal, comes back with
 * BEGIN.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_IDENTITY_H
#define FANFOLD_VENTILATOR_SOURCE_IDENTITY_H

#include "ventilator/chunker.h"
#include <stdbool.h>

enum { SOURCE_IDENTITY_SIZE = 106 }; /* bytes, written; below INPUT_MAX_BYTES */

enum source_kind {
    SOURCE_KIND_FILE = 1,
    SOURCE_KIND_STREAM = 2,
    SOURCE_KIND_PACKED = 3, /* a file whose content is decompressed */
};

/* What decides where chunks end, and what their results are. */
struct source_cut {
    const struct chunker_config *chunker;
    uint64_t header_lines, header_out;
    bool whole_files;
};

struct source_identity {
    enum source_kind kind; /* of several: STREAM if there is one, else PACKED if */
    uint64_t count;        /* of inputs */
    uint64_t start;        /* offset in a file from which it is read */
    /* Of a file, when it was opened; 0 of a stream. Of several: the sum of the sizes,
     * and hashes of all else. */
    uint64_t size;
    uint64_t changed_ns; /* time of its last change */
    uint64_t head, tail; /* hashes of the first and the last 64 KiB from `start` on */
    /* The cut. format: a hash; lines: a record's; block: 0 with
     * records, or where it is auto */
    uint64_t format, lines, records, block, header_lines, whole_files, header_out;
};

/* Of no input yet. */
struct source_identity source_identity_begin(const struct source_cut *cut);
/* The next input, which is open: from `start` on. 0 or -errno. */
int source_identity_add(struct source_identity *identity, int fd, enum source_kind kind,
                        uint64_t start);

void source_identity_write(const struct source_identity *identity,
                           uint8_t bytes[SOURCE_IDENTITY_SIZE]);
/* False: it is none that this version knows. */
bool source_identity_read(struct slice bytes, struct source_identity *ret_identity);

enum source_match {
    SOURCE_SAME,
    SOURCE_PERHAPS, /* what was read must be read again to tell */
    SOURCE_OTHER,   /* the reason is said */
};

/* Whether the run that began with one input can go on with another. */
enum source_match source_identity_match(const struct source_identity *began,
                                        const struct source_identity *now, char *reason,
                                        size_t reason_size);

#endif
