/* SPDX-License-Identifier: MIT */
/*
 * Which inputs a run reads, and by which options it cuts them: these must be the same
 * when the run resumes. Goes out with WELCOME, lies in the journal, comes back with
 * BEGIN.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_INPUT_FINGERPRINT_H
#define FANFOLD_VENTILATOR_SOURCE_INPUT_FINGERPRINT_H

#include "common/slice.h"
#include "ventilator/source/chunker.h"
#include <stdbool.h>

enum { INPUT_FINGERPRINT_SIZE = 106 }; /* bytes, written; below INPUT_MAX_BYTES */

enum source_kind {
    SOURCE_KIND_FILE = 1,
    SOURCE_KIND_STREAM = 2,
    SOURCE_KIND_COMPRESSED = 3, /* a file whose content is decompressed */
};

/* The options that decide where chunks end, and what their results are. */
struct source_cut {
    const struct chunker_config *chunker;
    uint64_t header_lines, header_out;
    bool whole_files;
};

struct input_fingerprint {
    enum source_kind kind; /* of several: STREAM if there is one, else COMPRESSED if */
    uint64_t count;        /* of inputs */
    uint64_t start;        /* offset in a file from which it is read */
    /* Of a file, when it was opened; 0 of a stream. Of several: the sum of the sizes,
     * and hashes of all else. */
    uint64_t size;
    uint64_t changed_ns; /* time of its last change */
    uint64_t head, tail; /* hashes of the first and the last 64 KiB from `start` on; of
                            a stream `head` says which it is; 0: not known */
    /* The cut. format: a hash; lines: a record's; block: 0 with records, or where it is
     * auto. */
    uint64_t format, lines, records, block, header_lines, whole_files, header_out;
};

/* Of no input yet. */
struct input_fingerprint input_fingerprint_begin(const struct source_cut *cut);
/* The next input, which is open: from `start` on. 0 or -errno. */
int input_fingerprint_add(struct input_fingerprint *fingerprint, int fd,
                          enum source_kind kind, uint64_t start);

/* Of the one stream: which it is, where that is known; not 0. */
void input_fingerprint_identify(struct input_fingerprint *fingerprint,
                                uint64_t identity);

void input_fingerprint_write(const struct input_fingerprint *fingerprint,
                             uint8_t bytes[INPUT_FINGERPRINT_SIZE]);
/* False: this version did not write it. */
bool input_fingerprint_read(struct slice bytes,
                            struct input_fingerprint *ret_fingerprint);

enum input_match {
    INPUT_SAME,
    INPUT_PERHAPS, /* only reading again what the run has read can tell */
    INPUT_OTHER,   /* `reason` says why */
};

/* Whether the run that began with some inputs can resume with others. */
enum input_match input_fingerprint_match(const struct input_fingerprint *began,
                                         const struct input_fingerprint *now,
                                         char *reason, size_t reason_size);

#endif
