/* SPDX-License-Identifier: MIT */
/*
 * What is kept beside the output, FILE.fanfold: how far the run is safe, and what the
 * next sink must know to go on. Encoding and decoding are pure; journal_read is all
 * that touches a file here (commit.h writes it).
 *
 * On disk: a msgpack array of its fields, and the XXH64 of that, 8 bytes, big-endian.
 */
#ifndef FANFOLD_SINK_JOURNAL_H
#define FANFOLD_SINK_JOURNAL_H

#include "sink/session.h"

enum { JOURNAL_BYTES_MAX = 1024 };

struct journal {
    struct position position;
    uint64_t offset;       /* of the output's first byte that does not count; bytes */
    uint64_t tail;         /* hash of what lies before it (tail.h); 0: not known */
    uint64_t letters_name; /* which directory has the dead letters */
};

/* Returns how many bytes it takes. */
size_t journal_encode(const struct journal *journal, uint8_t bytes[JOURNAL_BYTES_MAX]);
/* NULL, or what is wrong with the bytes, for a person: "it is cut short". */
const char *journal_decode(struct slice bytes, struct journal *ret_journal);

/* A hash of the directory's path as it was given: what lies in another one is not this
 * run's. */
uint64_t journal_letters_name(const char *directory);

/* Of the output at `path`: "PATH.fanfold". The caller's. */
char *journal_path(const char *output);

/* Reads it and makes sure that it is durable, which the sink that wrote it may not have
 * lived to see. 0; -ENOENT: there is none; other -errno with a sentence for a person in
 * `error`, -EINVAL where it is no journal. */
int journal_read(const char *path, struct journal *ret_journal, char *error,
                 size_t error_size);
/* The run is over: it is gone, durably where that can be. */
void journal_remove(const char *path);

#endif
