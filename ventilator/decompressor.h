/* SPDX-License-Identifier: MIT */
/*
 * A process that decompresses standard input to standard output: this very program,
 * started anew with a first argument that nobody types. So what a hostile input can do
 * to a library is done to a process that has nothing, and on another processor.
 */
#ifndef FANFOLD_VENTILATOR_DECOMPRESSOR_H
#define FANFOLD_VENTILATOR_DECOMPRESSOR_H

#include "ventilator/compression.h"
#include <stdbool.h>
#include <sys/types.h>

/* Whether these words ask for it; to be asked before anything else. */
bool decompressor_asked(int argc, char **argv);
/* Does it. The exit status; above 0 with a reason on standard error. */
int decompressor_run(int argc, char **argv);

struct decompressor_start {
    const char *program; /* NULL: this one */
    int fd;              /* compressed; a file's own offset does not matter */
    enum compression compression;
    uint64_t offset;       /* of a file: where it begins */
    const uint8_t *before; /* bytes that were read already, COMPRESSION_BYTES_MAX at
                              most */
    size_t before_size;
};

struct decompressor {
    pid_t pid;
    int content_fd; /* pipes, both non-blocking for us */
    int words_fd;
};

/* 0, or -errno. Ends when we do. */
int decompressor_start(const struct decompressor_start *start,
                       struct decompressor *ret_decompressor);

/* After the end of its content: waits for its end, and closes. True: that was all of
 * it. False with the reason. */
bool decompressor_finish(struct decompressor *decompressor, char *reason, size_t size);
/* At any other time. */
void decompressor_kill(struct decompressor *decompressor);

#endif
