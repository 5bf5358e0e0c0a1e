/* SPDX-License-Identifier: MIT */
/*
 * The input, pulled chunk by chunk: files and streams, one after the other, each of
 * which begins a record and a chunk. A stream is read only when it is readable. Nothing
 * here blocks for longer than a disk takes.
 *
 * Offsets are those in one input: of a file, the file's; of a stream, and of what is
 * decompressed, from its first byte on. Records are numbered through all. A run that
 * goes on with a file where it began with a stream, or the other way round, counts on
 * as it began.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_H
#define FANFOLD_VENTILATOR_SOURCE_H

#include "common/message.h"
#include "ventilator/chunker.h"

struct source;

/* All borrowed as long as the source lives, but the chunker's, which is copied. */
struct source_config {
    const char *const *paths; /* in order; "-" is standard input, from where it is */
    uint32_t count;           /* 0: standard input alone */
    struct chunker_config chunker;
    uint32_t header_lines; /* that each input begins with, and that are no records */
    uint32_t header_out;   /* what WELCOME says, as a part of what the run is; with it,
                              inputs that are nothing but a header are a chunk, too */
    bool whole_files;      /* the chunker's format is: an empty input is a chunk, too */
    bool as_it_is;         /* what is compressed is not decompressed */
    const char *program;   /* as decompressor_start has it; NULL: this one */
};

/* 0, or -errno with a sentence for a person in `error`. */
int source_open(const struct source_config *config, struct source **ret_source,
                char *error, size_t error_size);
void source_destroy(struct source **source_p);

/* Names the inputs and how they are cut, for whoever goes on with the run. Lives as
 * long as the source. */
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

/* After SOURCE_WAITS: the whole records that it has, of a chunk that is not full.
 * False: there are none. */
bool source_flush(struct source *source, struct chunk *ret_chunk);
/* Bytes that it has read and that are in no chunk yet. */
uint64_t source_pending(const struct source *source);
/* What is read now comes when it comes: it is no file. */
bool source_is_stream(const struct source *source);

/* What all inputs begin with; empty where nothing was asked for. */
struct slice source_header(const struct source *source);
/* It is known: after the first chunk, or after SOURCE_ENDED, at the latest. */
bool source_knows_header(const struct source *source);

/* Chunks can be read again: all inputs are files. */
bool source_can_reread(const struct source *source);
/* Reads a chunk's bytes again into a new message of the caller's. False: they are not
 * there any more, or not the same: source_error. */
bool source_reread(struct source *source, const struct chunk *chunk,
                   zmq_msg_t *ret_bytes);

/* What to poll for input, after SOURCE_WAITS. */
int source_fd(const struct source *source);
bool source_is_terminal(const struct source *source);
/* The name of an input, for messages; NULL where there is only one. */
const char *source_name(const struct source *source, uint32_t input);
/* Bytes cut so far, from where it started. */
uint64_t source_bytes(const struct source *source);
/* And those that there are in all, of files; 0: nobody knows. */
uint64_t source_total(const struct source *source);
/* It reads again what an earlier run has read, to see that it is the same. */
bool source_checks(const struct source *source);
/* Why it failed, for a person; "" before. */
const char *source_error(const struct source *source);

#endif
