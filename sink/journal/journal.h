/* SPDX-License-Identifier: MIT */
/*
 * The file beside the output, FILE.fanfold: how far the run is safe, and what the next
 * sink must know to resume it. Encoding and decoding are pure; journal_read reads the
 * file, and commit_steps.h writes it.
 *
 * On disk: a msgpack array of its fields, and the XXH64 of that, 8 bytes, big-endian.
 */
#ifndef FANFOLD_SINK_JOURNAL_JOURNAL_H
#define FANFOLD_SINK_JOURNAL_JOURNAL_H

#include "sink/session/position.h"

enum {
    JOURNAL_BYTES_MAX = 1024,
    JOURNAL_PARTS = 16, /* in place of a framing: the output is a manifest of parts */
};

struct journal {
    struct position position;
    uint64_t offset;      /* of the output's first byte that does not count; bytes */
    uint64_t fingerprint; /* of what lies before it (output_fingerprint.h); 0: not
                             known */
    uint64_t dead_letters_name; /* which directory has the dead letters */
    uint64_t command; /* hash of the run's command and mode; 0: not known, and then the
                         file has none */
    uint64_t framing; /* of the output (enum framing), or JOURNAL_PARTS; 0: none, and
                         then the file does not say so */
    /* Of an output that is rotated; the file says nothing of another. */
    uint64_t part;    /* the number of the one that `offset` is in, from 1; 0: none */
    uint64_t closing; /* 1: nothing more comes into it, and it may have its own name */
    uint64_t earlier; /* bytes of the parts before it */
    uint64_t headed;  /* 1: a result's byte is in these, or in the one that is closing,
                         and so is the header of --header-out */
};

/* What was closing is complete: makes it the journal of the next part. */
void journal_begin_part(struct journal *journal);

/* Returns the number of bytes. */
size_t journal_encode(const struct journal *journal, uint8_t bytes[JOURNAL_BYTES_MAX]);
/* NULL, or what is wrong with the bytes, for a person: "it is cut short". */
const char *journal_decode(struct slice bytes, struct journal *ret_journal);

/* The bytes are the beginning of what a sink wrote, of this version or another. */
bool journal_begins(struct slice bytes);

/* A hash of the directory's path as the person gave it: what lies in another directory
 * is not this run's. */
uint64_t journal_dead_letters_name(const char *directory);

/* Reads the journal and makes sure that it is durable: the sink that wrote it may have
 * died before. 0; -ENOENT: there is none; other -errno with a sentence for a person in
 * `error`, -EINVAL where it is no journal. */
int journal_read(const char *path, struct journal *ret_journal, char *error,
                 size_t error_size);
/* Removes the journal, durably where that can be: the run is over. Leaves alone what is
 * no journal. */
void journal_remove(const char *path);

#endif
