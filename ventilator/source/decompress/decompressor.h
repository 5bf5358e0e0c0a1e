/* SPDX-License-Identifier: MIT */
/*
 * A process that decompresses standard input to standard output: this very program,
 * started again with a first argument that nobody types. So a hostile input can harm
 * only a process that has nothing, and decompression has a processor of its own.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_DECOMPRESS_DECOMPRESSOR_H
#define FANFOLD_VENTILATOR_SOURCE_DECOMPRESS_DECOMPRESSOR_H

#include "ventilator/source/decompress/compression.h"
#include <stdbool.h>
#include <sys/types.h>

/* Whether the arguments ask for it; main asks before anything else. */
bool decompressor_asked(int argc, char **argv);
/* Does it, with the arguments that decompressor_asked accepts. The exit status; above 0
 * with a reason on standard error. */
int decompressor_run(char **argv);

struct decompressor_start {
    const char *program; /* NULL: this one */
    int fd;              /* compressed; a file's own offset does not matter */
    enum compression compression;
    uint64_t offset; /* of a file: where it begins */
    const uint8_t
        *before; /* bytes that were read already, at most COMPRESSION_BYTES_MAX */
    size_t before_size;
};

struct decompressor {
    pid_t pid;
    int content_fd; /* pipes, both non-blocking for us */
    int reason_fd;
};

/* 0, or -errno. The process ends when we do. */
int decompressor_start(const struct decompressor_start *start,
                       struct decompressor *ret_decompressor);

/* After the end of its content: waits for the process and closes. True: the content was
 * complete. False with the reason. */
bool decompressor_finish(struct decompressor *decompressor, char *reason, size_t size);
/* Ends it at any other time. */
void decompressor_kill(struct decompressor *decompressor);

#endif
