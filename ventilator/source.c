/* SPDX-License-Identifier: MIT */
/*
 * Joins one input with the chunker: reads as much as the next chunk needs, names what
 * goes wrong with its offset, and writes and reads the marks. Knows no difference
 * between kinds of input but that some cannot be read again.
 *
 * A mark is 1 byte (which form: 2), then three little-endian u64: the offset after the
 * chunk, the number of the record that starts there, and the hash of all input before
 * it, back to where the run began.
 *
 * To go on, a file that is surely the same is sought; from all else, what the run has
 * read is read again and dropped, and goes on where the hash is that of the mark.
 */
#include "ventilator/source.h"

#include "common/memory.h"
#include "ventilator/input.h"
#include "ventilator/source_hash.h"
#include "ventilator/source_identity.h"
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    READ_MAX = 1 << 20, /* bytes at once */
    READS_MAX = 16,     /* in one source_next, so that the loop goes on */
    MARK_FORM = 2,
    MARK_SIZE = 25,
};

struct mark {
    uint64_t offset, record, hash;
};

struct source {
    char *name; /* for messages */
    struct input input;
    struct chunker *chunker;
    struct source_hash hash; /* of what was cut, back to where the run began */
    uint64_t own_start;      /* offset in the input where it is read from */
    uint64_t run_start;      /* what the run calls this place */
    uint64_t started_at;     /* offset, as the run counts */
    uint64_t max_record_bytes;

    bool checks;         /* what the run has read is read again */
    uint64_t to_check;   /* bytes of it that are left */
    struct mark goes_on; /* where that ends; valid while it checks */

    uint8_t identity[SOURCE_IDENTITY_SIZE];
    char error[512];
};

/* The descriptor, or -errno. A pipe or terminal of our own opening never blocks. */
static int open_path(const char *path)
{
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
                  : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return fd < 0 ? -errno : fd;
}

/* 0 with the input for what `fd` is, or -errno. A file that is redirected to standard
 * input is read from its offset on. */
static int find_kind(int fd, struct input *ret_input)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if (!S_ISREG(status.st_mode)) {
        *ret_input = input_of_stream(fd, status.st_mode);
        return 0;
    }
    off_t offset = lseek(fd, 0, SEEK_CUR);
    if (offset < 0)
        return -errno;
    *ret_input = input_of_file(fd, (uint64_t)offset, (uint64_t)status.st_size);
    if (ret_input->offset > ret_input->size)
        ret_input->size = ret_input->offset;
    return 0;
}

/* As find_kind, and the identity of it. */
static int find_input(int fd, const struct chunker_config *config,
                      struct input *ret_input, struct source_identity *ret_identity)
{
    int result = find_kind(fd, ret_input);
    if (result < 0)
        return result;
    enum source_kind kind = ret_input->kind->reread ? SOURCE_KIND_FILE
                                                    : SOURCE_KIND_STREAM;
    return source_identity_find(ret_input->fd, kind, ret_input->offset, config,
                                ret_identity);
}

int source_open(const char *path, const struct chunker_config *config,
                struct source **ret_source, char *error, size_t error_size)
{
    const char *name = path ? path : "standard input";
    struct input input;
    struct source_identity identity;
    int fd = open_path(path);
    int result = fd < 0 ? fd : find_input(fd, config, &input, &identity);
    if (result < 0) {
        if (fd >= 0)
            close(fd);
        snprintf(error, error_size, "cannot read %s: %s", name, strerror(-result));
        return result;
    }
    struct source *source = allocate_zeroed(1, sizeof *source);
    source->name = allocate_text("%s", name);
    source->input = input;
    source->own_start = source->run_start = source->started_at = input.offset;
    source_identity_write(&identity, source->identity);
    source_hash_init(&source->hash);
    source->max_record_bytes = config->max_record_bytes;
    source->chunker = chunker_new(config);
    chunker_start(source->chunker, input.offset, 0);
    *ret_source = source;
    return 0;
}

void source_destroy(struct source **source_p)
{
    struct source *source = *source_p;
    if (!source)
        return;
    close(source->input.fd);
    chunker_destroy(&source->chunker);
    source_hash_deinit(&source->hash);
    free(source->name);
    free(source);
    *source_p = NULL;
}

__attribute__((format(printf, 2, 3))) static void fail(struct source *source,
                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(source->error, sizeof source->error, format, arguments);
    va_end(arguments);
}

/* ---- marks ---- */

static void write_mark(struct chunk *chunk)
{
    uint64_t after[3] = {htole64(chunk->offset + chunk->length),
                         htole64(chunk->first_record + chunk->records),
                         htole64(chunk->hash_after)};
    static_assert(1 + sizeof after == MARK_SIZE && MARK_SIZE <= sizeof chunk->mark,
                  "a mark has room");
    chunk->mark[0] = MARK_FORM;
    memcpy(chunk->mark + 1, after, sizeof after);
    chunk->mark_size = MARK_SIZE;
}

/* An empty one is the start of the run. */
static bool read_mark(struct slice bytes, uint64_t run_start, struct mark *ret_mark)
{
    uint64_t after[3];
    *ret_mark = (struct mark){.offset = run_start};
    if (bytes.size == 0)
        return true;
    if (bytes.size != MARK_SIZE || bytes.data[0] != MARK_FORM)
        return false;
    memcpy(after, bytes.data + 1, sizeof after);
    *ret_mark = (struct mark){.offset = le64toh(after[0]),
                              .record = le64toh(after[1]),
                              .hash = le64toh(after[2])};
    return ret_mark->offset >= run_start;
}

static void finish_chunk(struct source *source, struct chunk *chunk)
{
    chunk->hash_before = source_hash_value(&source->hash);
    source_hash_add(&source->hash, zmq_msg_data(&chunk->bytes), chunk->length);
    chunk->hash_after = source_hash_value(&source->hash);
    write_mark(chunk);
}

/* ---- going on with a run ---- */

struct slice source_input(const struct source *source)
{
    return (struct slice){source->identity, sizeof source->identity};
}

/* Where in the input the place is that the run calls `offset`. */
static uint64_t own_offset(const struct source *source, uint64_t offset)
{
    return offset - source->run_start + source->own_start;
}

/* Puts the hash at `offset`, where it counts what lies in the same segment before it.
 * 0, or what reread says. */
static int hash_before(struct source *source, struct source_hash *hash, uint64_t offset)
{
    size_t size = source_hash_seek(hash, offset - source->run_start);
    if (size == 0)
        return 0;
    uint8_t *bytes = allocate(size);
    int result = source->input.kind->reread(
        &source->input, own_offset(source, offset) - size, bytes, size);
    if (result == 0)
        source_hash_add(hash, bytes, size);
    free(bytes);
    return result;
}

static bool seek(struct source *source, const struct mark *mark)
{
    uint64_t there = source->input.size - source->own_start;
    int result = -ENODATA;
    if (mark->offset - source->run_start <= there)
        result = hash_before(source, &source->hash, mark->offset);
    if (result < 0) {
        fail(source, "%s: cannot go on: %s at byte %" PRIu64 ", where the run stood",
             source->name, result == -ENODATA ? "there is nothing" : strerror(-result),
             mark->offset);
        return false;
    }
    source_hash_set(&source->hash, mark->hash);
    source->input.offset = own_offset(source, mark->offset);
    return true;
}

bool source_start(struct source *source, struct slice mark, struct slice input)
{
    struct source_identity began, now;
    struct mark goes_on;
    char reason[256];
    if (mark.size == 0 && input.size == 0)
        return true;
    if (!source_identity_read(input, &began) ||
        !read_mark(mark, began.start, &goes_on)) {
        fail(source, "%s: cannot go on: the run began with another version of fanfold",
             source->name);
        return false;
    }
    source_identity_read(source_input(source), &now);
    enum source_match match =
        source_identity_match(&began, &now, reason, sizeof reason);
    if (match == SOURCE_OTHER) {
        fail(source, "%s: cannot go on: %s", source->name, reason);
        return false;
    }
    source->run_start = began.start;
    source->started_at = goes_on.offset;
    chunker_start(source->chunker, goes_on.offset, goes_on.record);
    if (match == SOURCE_SAME)
        return seek(source, &goes_on);
    source->checks = true;
    source->goes_on = goes_on;
    source->to_check = goes_on.offset - began.start;
    return true;
}

static enum source_outcome fail_to_read(struct source *source, int error)
{
    uint64_t offset = source->input.offset;
    if (error == ENODATA)
        fail(source,
             "%s was cut short while it was read: it ends before byte %" PRIu64
             " and had %" PRIu64 " bytes",
             source->name, offset, source->input.size);
    else
        fail(source, "cannot read %s at byte %" PRIu64 ": %s", source->name, offset,
             strerror(error));
    return SOURCE_FAILED;
}

void source_set_block(struct source *source, uint64_t block_bytes)
{
    chunker_set_block(source->chunker, block_bytes);
}

/* Reads at most `most` bytes to where the chunker would have them. Below 0: -errno as
 * of the kind. */
static ssize_t read_some(struct source *source, uint64_t most, void **ret_bytes)
{
    size_t size;
    *ret_bytes = chunker_room(source->chunker, &size);
    if (size > READ_MAX)
        size = READ_MAX;
    if (size > most)
        size = (size_t)most;
    return source->input.kind->read(&source->input, *ret_bytes, size);
}

/* Feeds the chunker once. SOURCE_CHUNK stands for: ask it again. */
static enum source_outcome read_on(struct source *source)
{
    void *bytes;
    ssize_t got = read_some(source, READ_MAX, &bytes);
    if (got == -EAGAIN)
        return SOURCE_WAITS;
    if (got < 0)
        return fail_to_read(source, (int)-got);
    if (got == 0)
        chunker_on_end(source->chunker);
    else
        chunker_on_bytes(source->chunker, (size_t)got);
    return SOURCE_CHUNK;
}

/* All that the run has read was read again: is it the same? */
static enum source_outcome end_check(struct source *source)
{
    source->checks = false;
    if (source_hash_value(&source->hash) == source->goes_on.hash)
        return SOURCE_CHUNK;
    fail(source,
         "%s: cannot go on: it is not the input that the run began with (it differs "
         "before byte %" PRIu64 ", where the run stood)",
         source->name, source->goes_on.offset);
    return SOURCE_FAILED;
}

/* Reads once more of what the run has read. SOURCE_CHUNK stands for: go on. */
static enum source_outcome check_on(struct source *source)
{
    void *bytes;
    if (source->to_check == 0)
        return end_check(source);
    ssize_t got = read_some(source, source->to_check, &bytes);
    if (got == -EAGAIN)
        return SOURCE_WAITS;
    if (got < 0)
        return fail_to_read(source, (int)-got);
    if (got == 0) {
        fail(
            source,
            "%s: cannot go on: it is not the input that the run began with (it ends at "
            "byte %" PRIu64 ", and the run stood at byte %" PRIu64 ")",
            source->name, source->goes_on.offset - source->to_check,
            source->goes_on.offset);
        return SOURCE_FAILED;
    }
    source_hash_add(&source->hash, bytes, (size_t)got);
    source->to_check -= (uint64_t)got;
    return SOURCE_CHUNK;
}

static enum source_outcome refuse_record(struct source *source)
{
    fail(source,
         "%s: the record at byte %" PRIu64 " is longer than %" PRIu64
         " bytes (--max-record)",
         source->name, chunker_record_offset(source->chunker),
         source->max_record_bytes);
    return SOURCE_FAILED;
}

/* What the chunker has; SOURCE_MORE: it wants bytes. */
static enum source_outcome take(struct source *source, struct chunk *ret_chunk)
{
    switch (chunker_take(source->chunker, ret_chunk)) {
    case CHUNKER_CHUNK:
        finish_chunk(source, ret_chunk);
        return SOURCE_CHUNK;
    case CHUNKER_ENDED:
        return SOURCE_ENDED;
    case CHUNKER_TOO_LONG:
        return refuse_record(source);
    case CHUNKER_BROKEN:
        fail(source, "%s: %s", source->name, chunker_problem(source->chunker));
        return SOURCE_FAILED;
    case CHUNKER_HUNGRY:
        break;
    }
    return SOURCE_MORE;
}

enum source_outcome source_next(struct source *source, struct chunk *ret_chunk)
{
    if (source->error[0])
        return SOURCE_FAILED;
    for (int reads = 0;; reads++) {
        enum source_outcome outcome = source->checks ? SOURCE_MORE
                                                     : take(source, ret_chunk);
        if (outcome != SOURCE_MORE || reads == READS_MAX)
            return outcome;
        outcome = source->checks ? check_on(source) : read_on(source);
        if (outcome != SOURCE_CHUNK)
            return outcome;
    }
}

bool source_can_reread(const struct source *source)
{
    return source->input.kind->reread != NULL;
}

/* Whether these are the bytes that the chunk was cut with; 0, 1: they are not, or what
 * reread says. */
static int compare(struct source *source, const struct chunk *chunk, const void *bytes)
{
    struct source_hash hash;
    source_hash_init(&hash);
    int result = hash_before(source, &hash, chunk->offset);
    uint64_t before = source_hash_value(&hash);
    source_hash_add(&hash, bytes, chunk->length);
    uint64_t is = source_hash_value(&hash) - before;
    source_hash_deinit(&hash);
    return result < 0 ? result : is != chunk->hash_after - chunk->hash_before;
}

bool source_reread(struct source *source, const struct chunk *chunk,
                   zmq_msg_t *ret_bytes)
{
    zmq_msg_t bytes;
    if (zmq_msg_init_size(&bytes, chunk->length))
        abort_out_of_memory();
    uint64_t from = own_offset(source, chunk->offset);
    int result = source->input.kind->reread(&source->input, from, zmq_msg_data(&bytes),
                                            chunk->length);
    if (result == 0)
        result = compare(source, chunk, zmq_msg_data(&bytes));
    if (result == 0) {
        zmq_msg_init(ret_bytes);
        zmq_msg_move(ret_bytes, &bytes);
        return true;
    }
    zmq_msg_close(&bytes);
    fail(source, "cannot read bytes %" PRIu64 "-%" PRIu64 " of %s again: %s", from,
         from + chunk->length - 1, source->name,
         result > 0           ? "it was changed while it was read"
         : result == -ENODATA ? "it is shorter than it was"
                              : strerror(-result));
    return false;
}

int source_fd(const struct source *source)
{
    return source->input.fd;
}

bool source_is_terminal(const struct source *source)
{
    return isatty(source->input.fd);
}

uint64_t source_bytes(const struct source *source)
{
    return chunker_offset(source->chunker) - source->started_at;
}

uint64_t source_total(const struct source *source)
{
    uint64_t from = own_offset(source, source->started_at);
    return source_can_reread(source) && source->input.size > from
               ? source->input.size - from
               : 0;
}

bool source_checks(const struct source *source)
{
    return source->checks;
}

const char *source_error(const struct source *source)
{
    return source->error;
}
