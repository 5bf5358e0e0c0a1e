/* SPDX-License-Identifier: MIT */
/*
 * The kinds of input that a source reads from: a file, a stream, decompressed content,
 * and messages. Each owns one descriptor to poll, or a ZeroMQ socket; a stream that
 * turns out to be compressed becomes decompressed content.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_INPUT_H
#define FANFOLD_VENTILATOR_SOURCE_INPUT_H

#include "common/slice.h"
#include "ventilator/source/decompress/decompressor.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct input;

struct input_kind {
    /* Bytes read, at most `size`; 0: the end; -EAGAIN: none now, poll; -ENODATA: a file
     * ends before the size that it had; -EBADMSG: see input->reason; other -errno. */
    ssize_t (*read)(struct input *input, void *buffer, size_t size);
    /* Fills all of `size` from `offset`: 0, -ENODATA, other -errno. NULL: bytes that
     * were read are gone. */
    int (*reread)(const struct input *input, uint64_t offset, void *buffer,
                  size_t size);
    /* Of an input that a person may end: from now on it reads what has come already,
     * and then it ends. NULL: it ends by itself. */
    void (*drain)(struct input *input);
    /* The ZeroMQ socket to poll, in place of the descriptor. NULL: there is none. */
    void *(*socket)(const struct input *input);
    /* When to read though nothing has come; NULL: never. */
    int64_t (*deadline_us)(const struct input *input);
    /* All is committed up to a chunk with this mark; NULL: nobody waits for that. */
    void (*committed)(struct input *input, struct slice mark);
    /* All is committed that the run read, and the run is over; NULL: likewise. */
    void (*completed)(struct input *input);
    /* Frees what the kind has made; NULL: nothing but the fields below. */
    void (*close)(struct input *input);
};

struct message_input;
struct connector_input;
struct spool_input;

struct input {
    const struct input_kind *kind;
    int fd; /* -1: closed */
    bool is_socket;
    uint64_t offset; /* of the next byte */
    uint64_t size;   /* bytes of a file when it was opened */

    /* Of a stream: its first bytes tell whether it is compressed. */
    bool detects;        /* they have not yet */
    const char *program; /* as decompressor_start has it; borrowed */
    uint8_t first[COMPRESSION_BYTES_MAX];
    size_t first_size, first_used;

    struct decompressor decompressor;  /* pid > 0: of decompressed content */
    struct message_input *messages;    /* of messages; else NULL */
    struct connector_input *connector; /* of a connector; else NULL */
    struct spool_input *spool;         /* of messages that a spool keeps; else NULL */
    char reason[320];
};

/* Takes over `fd`, a regular file, from `offset` on. */
struct input input_of_file(int fd, uint64_t offset, uint64_t size);
/* Takes over `fd`, anything else. Sets no flag on it, as others may share it. With
 * `detects`, decompresses the stream if it is compressed. */
struct input input_of_stream(int fd, unsigned mode, bool detects, const char *program);
/* The content of a compressed input. Borrows start->fd for this call. 0 or -errno. */
int input_decompress(const struct decompressor_start *start, struct input *ret_input);

/* An input that is closed stays so. */
void input_close(struct input *input);

#endif
