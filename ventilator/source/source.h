/* SPDX-License-Identifier: MIT */
/*
 * The input, pulled chunk by chunk: files and streams, one after the other, each of
 * which begins a record and a chunk. A stream is read only when it is readable. Nothing
 * here blocks for longer than a disk takes.
 *
 * Offsets are those in one input: of a file, the file's; of a stream, and of
 * decompressed content, from its first byte on. Record numbers count through all
 * inputs. A run that resumes with a file where it began with a stream, or the other way
 * round, counts as it began.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_SOURCE_H
#define FANFOLD_VENTILATOR_SOURCE_SOURCE_H

#include "common/protocol/message.h"
#include "common/protocol/reference.h"
#include "ventilator/source/chunker.h"

struct source;
struct connector_config;
struct message_input_config;
struct keyring;

/* Borrowed as long as the source lives, but for the chunker's, which is copied. */
struct source_config {
    const char *const *paths; /* in order; "-" is standard input, from where it is */
    uint32_t count;           /* 0: standard input alone */
    struct chunker_config chunker;
    uint32_t header_lines; /* that each input begins with, and that are no records */
    uint32_t header_out;   /* as WELCOME says; with it, inputs that are nothing but a
                              header are a chunk, too */
    bool whole_files;    /* the format of records is: an empty input is a chunk, too */
    bool no_decompress;  /* compressed input stays compressed */
    const char *root;    /* the directory that workers see, too; NULL: there is none */
    const char *program; /* as decompressor_start has it; NULL: this one */
    /* Messages in place of files; NULL: none. Then the paths only name them. */
    const struct message_input_config *messages;
    const struct connector_config *connector; /* likewise */
    const char *spool;      /* the directory that keeps them; NULL: none does */
    char *const *arguments; /* of this program, for the process that receives */
    bool from_committed;    /* a run that resumes reads nothing again: its only input, a
                               stream, begins where the run stopped */
};

/* 0, or -errno with a sentence for a person in `error`. */
int source_open(const struct source_config *config, struct source **ret_source,
                char *error, size_t error_size);
void source_destroy(struct source **source_p);

/* Where the input is messages: opens their socket, once ZeroMQ is ready. 0, or -errno
 * with a sentence in `error`. */
int source_connect(struct source *source, char *error, size_t error_size);
/* Whom a socket that is bound lets in, for ZAP_INPUT; NULL: it has no keys, or there is
 * none. Borrowed. */
struct keyring *source_keyring(const struct source *source);

/* The fingerprint of the inputs and of the cut, for a later program that resumes the
 * run. Lives as long as the source. */
struct slice source_input(const struct source *source);

/* Begins where `mark` says, if these are the inputs that `input` names; both empty: at
 * the start. Called before the first source_next, which reads again what must be
 * checked. False: the run cannot resume with these inputs, and source_error says why;
 * source_next may find that, too. */
bool source_start(struct source *source, struct slice mark, struct slice input);

/* Chunks are about so long from the next one on; > 0. */
void source_set_block(struct source *source, uint64_t block_bytes);

enum source_outcome {
    SOURCE_CHUNK,
    SOURCE_MORE,  /* nothing yet, but there is more to read: ask again soon */
    SOURCE_WAITS, /* nothing to read: ask again when source_socket or source_fd is
                     readable, or at source_deadline */
    SOURCE_ENDED,
    SOURCE_FAILED, /* for good: source_error */
};

/* The next chunk with its mark and hash. The caller owns its bytes. */
enum source_outcome source_next(struct source *source, struct chunk *ret_chunk);

/* A chunk of the whole records that it has, though it is not full. False: there are
 * none. */
bool source_flush(struct source *source, struct chunk *ret_chunk);
/* Bytes that it has read and that are in no chunk yet. */
uint64_t source_pending(const struct source *source);
/* The input whose turn it is comes over time: it is no file. */
bool source_is_stream(const struct source *source);

/* The header that all inputs begin with; empty without --header. */
struct slice source_header(const struct source *source);
/* The header is known: after the first chunk or SOURCE_ENDED at the latest. */
bool source_knows_header(const struct source *source);

/* The chunk and all before it are safe in the output: an input that acknowledges what
 * it read can do so. */
void source_on_committed(struct source *source, const struct chunk *chunk);
/* All is, and the run is over: also an end that no chunk precedes. */
void source_on_completed(struct source *source);

/* Chunks can be read again: all inputs are files. */
bool source_can_reread(const struct source *source);
/* Reads a chunk's bytes again into a new message of the caller's. False: they are gone,
 * or not the same: source_error says which. */
bool source_reread(struct source *source, const struct chunk *chunk,
                   zmq_msg_t *ret_bytes);

/* Where the chunk is, for who can open this process's descriptors, or sees the root.
 * False: nobody should read it there: it is no file, or one that changes. Borrows from
 * the source. */
bool source_refer(const struct source *source, const struct chunk *chunk,
                  enum reference_way way, struct reference *ret_reference);

/* The first file of which a change may not show, so that its chunks are not referred
 * to; NULL: there is none. */
const char *source_unsettled(const struct source *source);

/* The descriptor to poll for input, after SOURCE_WAITS, or a ZeroMQ socket in its
 * place, which is NULL where there is a descriptor. */
int source_fd(const struct source *source);
void *source_socket(const struct source *source);
/* When to ask it again though nothing has come; NEVER_US. */
int64_t source_deadline(const struct source *source);
/* The input has an end that a person may set: it reads what has come, and ends. False:
 * it ends by itself alone. */
bool source_drain(struct source *source);
bool source_is_terminal(const struct source *source);
/* The name of an input, for messages; NULL where there is only one. */
const char *source_name(const struct source *source, uint32_t input);
/* Bytes cut so far, from where it started. */
uint64_t source_bytes(const struct source *source);
/* Bytes before that, which an earlier run cut; 0: none, or nobody knows. */
uint64_t source_bytes_before(const struct source *source);
/* What lies before the place where it started, back to where the run began. */
struct source_place {
    uint64_t records, bytes;
};
struct source_place source_place(const struct source *source);
/* And the bytes of files that there are from where it started; 0: nobody knows. */
uint64_t source_total(const struct source *source);
/* It reads again what an earlier program of the run has read, to see that it is the
 * same. */
bool source_checks(const struct source *source);
/* Why it failed, for a person; "" before. */
const char *source_error(const struct source *source);

#endif
