/* SPDX-License-Identifier: MIT */
/*
 * The input, pulled chunk by chunk: a regular file (also as standard input), or a
 * stream that is read only when it is readable. Nothing here blocks for longer than a
 * disk takes. Offsets of a file are the file's; of a stream, they count from its first
 * byte.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_H
#define FANFOLD_VENTILATOR_SOURCE_H

#include "common/message.h"
#include "ventilator/chunker.h"

struct source;

/*
 * Opens `path`; NULL: standard input, from where it is. 0, or -errno with a sentence
 * for a person in `error`.
 */
int source_open(const char *path, const struct chunker_config *config,
                struct source **ret_source, char *error, size_t error_size);
void source_destroy(struct source **source_p);

/* Goes on where `mark` says; empty: at the start. Before the first source_next. False:
 * it cannot, and source_error says why. */
bool source_start(struct source *source, struct slice mark);

enum source_outcome {
    SOURCE_CHUNK,
    SOURCE_MORE,  /* nothing yet, but there is more to read: ask again soon */
    SOURCE_WAITS, /* nothing to read: ask again when source_fd is readable */
    SOURCE_ENDED,
    SOURCE_FAILED, /* for good: source_error */
};

/* The next chunk with its mark. The caller owns its bytes. */
enum source_outcome source_next(struct source *source, struct chunk *ret_chunk);

/* A chunk can be read again: it is a file's. */
bool source_can_reread(const struct source *source);
/* Reads a chunk's bytes again into a new message of the caller's. False: source_error.
 */
bool source_reread(struct source *source, uint64_t offset, uint64_t length,
                   zmq_msg_t *ret_bytes);

/* What to poll for input. */
int source_fd(const struct source *source);
bool source_is_terminal(const struct source *source);
/* Bytes cut so far, from where it started. */
uint64_t source_bytes(const struct source *source);
/* Why it failed, for a person; "" before. */
const char *source_error(const struct source *source);

#endif
