/* SPDX-License-Identifier: MIT */
/*
 * The input, pulled chunk by chunk: a regular file (also as standard input), or a
 * stream that is read only when it is readable. Nothing here blocks for longer than a
 * disk takes. Offsets of a file are the file's; of a stream, they count from its first
 * byte. A run that goes on with a file where it began with a stream, or the other way
 * round, counts on as it began.
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

/* Names the input and how it is cut, for whoever goes on with the run. Lives as long as
 * the source. */
struct slice source_input(const struct source *source);

/* Goes on where `mark` says, if this is what `input` names; both empty: at the start.
 * Before the first source_next, which reads again what must be checked: that it cannot
 * go on may be known only then. False: it is known now. source_error says why. */
bool source_start(struct source *source, struct slice mark, struct slice input);

/* Chunks are about so long from the next one on; > 0. */
void source_set_block(struct source *source, uint64_t block_bytes);

enum source_outcome {
    SOURCE_CHUNK,
    SOURCE_MORE,  /* nothing yet, but there is more to read: ask again soon */
    SOURCE_WAITS, /* nothing to read: ask again when source_fd is readable */
    SOURCE_ENDED,
    SOURCE_FAILED, /* for good: source_error */
};

/* The next chunk with its mark and hash. The caller owns its bytes. */
enum source_outcome source_next(struct source *source, struct chunk *ret_chunk);

/* A chunk can be read again: it is a file's. */
bool source_can_reread(const struct source *source);
/* Reads a chunk's bytes again into a new message of the caller's. False: they are not
 * there any more, or not the same: source_error. */
bool source_reread(struct source *source, const struct chunk *chunk,
                   zmq_msg_t *ret_bytes);

/* What to poll for input. */
int source_fd(const struct source *source);
bool source_is_terminal(const struct source *source);
/* Bytes cut so far, from where it started. */
uint64_t source_bytes(const struct source *source);
/* And those that there are in all, of a file; 0: nobody knows. */
uint64_t source_total(const struct source *source);
/* It reads again what an earlier run has read, to see that it is the same. */
bool source_checks(const struct source *source);
/* Why it failed, for a person; "" before. */
const char *source_error(const struct source *source);

#endif
