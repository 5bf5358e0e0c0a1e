/* SPDX-License-Identifier: MIT */
/*
 * The kinds of input that a source reads from: what differs between a file, a stream
 * and what is decompressed on the way. Only source*.c use this. Each owns one
 * descriptor to poll; a stream that turns out to be compressed becomes the third kind.
 */
#ifndef FANFOLD_VENTILATOR_INPUT_H
#define FANFOLD_VENTILATOR_INPUT_H

#include "ventilator/decompressor.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct input;

struct input_kind {
    /* Bytes read, at most `size`; 0: the end; -EAGAIN: none now, poll; -ENODATA: a file
     * ends before the size that it had; -EBADMSG: input->reason says it; other -errno.
     */
    ssize_t (*read)(struct input *input, void *buffer, size_t size);
    /* Fills all of `size` from `offset`: 0, -ENODATA, other -errno. NULL: what was read
     * is gone. */
    int (*reread)(const struct input *input, uint64_t offset, void *buffer,
                  size_t size);
};

struct input {
    const struct input_kind *kind;
    int fd; /* -1: closed */
    bool is_socket;
    uint64_t offset; /* of the next byte */
    uint64_t size;   /* bytes of a file when it was opened */

    /* Of a stream: its first bytes are looked at before they are anybody's. */
    bool looks;
    const char *program; /* as decompressor_start has it; borrowed */
    uint8_t first[COMPRESSION_BYTES_MAX];
    size_t first_size, first_used;

    struct decompressor decompressor; /* pid > 0: of what is decompressed */
    char reason[256];
};

/* Takes over `fd`, a regular file, from `offset` on. */
struct input input_of_file(int fd, uint64_t offset, uint64_t size);
/* Takes over `fd`, anything else. Sets no flag on it, as others may share it. With
 * `looks`, it is decompressed if it is compressed. */
struct input input_of_stream(int fd, unsigned mode, bool looks, const char *program);
/* The content of what is compressed. Borrows start->fd for this call. 0 or -errno. */
int input_unpack(const struct decompressor_start *start, struct input *ret_input);

/* Closes, also what is closed. */
void input_close(struct input *input);

#endif
