/* SPDX-License-Identifier: MIT */
/* A temporary file as input, and what comes out of a source. */
#ifndef FANFOLD_TESTS_UNIT_VENTILATOR_SOURCE_INPUT_FIXTURE_H
#define FANFOLD_TESTS_UNIT_VENTILATOR_SOURCE_INPUT_FIXTURE_H

#include "ventilator/source/source.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline struct chunker_config blocks_of(uint64_t bytes)
{
    return (struct chunker_config){.block_bytes = bytes,
                                   .format = RECORD_FORMAT_DEFAULT,
                                   .max_record_bytes = 64 << 20};
}

/* A new file with these bytes, open for reading and writing; `path` has room for 64. */
static inline int make_file(char *path, const void *data, size_t size)
{
    strcpy(path, "/tmp/fanfold-test-XXXXXX");
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, data, size, 0), (ssize_t)size);
    return fd;
}

static inline struct source *open_sources(const struct source_config *all)
{
    char error[256] = "";
    struct source *source;
    cr_assert_eq(source_open(all, &source, error, sizeof error), 0, "%s", error);
    return source;
}

/* NULL: standard input. The path has to live as long as the source. */
static inline struct source *open_source(const char *path,
                                         const struct chunker_config *chunker)
{
    const char *const paths[] = {path};
    struct source_config all = {
        .paths = paths, .count = path ? 1 : 0, .chunker = *chunker};
    return open_sources(&all);
}

/* The next outcome that is not SOURCE_MORE. */
static inline enum source_outcome next_chunk(struct source *source, struct chunk *chunk)
{
    enum source_outcome outcome;
    do
        outcome = source_next(source, chunk);
    while (outcome == SOURCE_MORE);
    return outcome;
}

static inline void expect_bytes(zmq_msg_t *bytes, const char *text)
{
    cr_expect_eq(zmq_msg_size(bytes), strlen(text));
    cr_expect_eq(memcmp(zmq_msg_data(bytes), text, strlen(text)), 0, "expected %s",
                 text);
    zmq_msg_close(bytes);
}

static inline void expect_chunk(struct source *source, const char *text)
{
    struct chunk chunk;
    cr_assert_eq(next_chunk(source, &chunk), SOURCE_CHUNK, "%s", source_error(source));
    expect_bytes(&chunk.bytes, text);
}

#endif
