/* SPDX-License-Identifier: MIT */
/*
 * The kinds of input that a source reads from: what differs between a file and a
 * stream. Only source.c uses this. Each kind owns one descriptor.
 */
#ifndef FANFOLD_VENTILATOR_INPUT_H
#define FANFOLD_VENTILATOR_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct input;

struct input_kind {
    /* Bytes read, at most `size`; 0: the end; -EAGAIN: none now, poll; -ENODATA: a file
     * ends before the size that it had; other -errno. */
    ssize_t (*read)(struct input *input, void *buffer, size_t size);
    /* Fills all of `size` from `offset`: 0, -ENODATA, other -errno. NULL: what was read
     * is gone. */
    int (*reread)(const struct input *input, uint64_t offset, void *buffer,
                  size_t size);
};

struct input {
    const struct input_kind *kind;
    int fd;
    int is_socket;
    uint64_t offset; /* of the next byte */
    uint64_t size;   /* bytes of a file when it was opened */
};

/* Takes over `fd`, a regular file, from `offset` on. */
struct input input_of_file(int fd, uint64_t offset, uint64_t size);
/* Takes over `fd`, anything else. Sets no flag on it, as others may share it. */
struct input input_of_stream(int fd, unsigned mode);

#endif
