/* SPDX-License-Identifier: MIT */
/*
 * Joins one input with the chunker: reads as much as the next chunk needs, names what
 * goes wrong with its offset, and writes and reads the marks. Knows no difference
 * between kinds of input but that some cannot be read again.
 *
 * A mark is 1 byte (which form: 1), then three little-endian u64: the offset after the
 * chunk, the number of the record that starts there, and a hash of which file it is:
 * device, inode, size and time of its last change; 0 for a stream.
 */
#include "ventilator/source.h"

#include "common/memory.h"
#include "ventilator/input.h"
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
#include <xxhash.h>

enum {
    READ_MAX = 1 << 20, /* bytes at once */
    READS_MAX = 16,     /* in one source_next, so that the loop goes on */
    MARK_FORM = 1,
    MARK_SIZE = 25,
};

struct source {
    char *name; /* for messages */
    struct input input;
    struct chunker *chunker;
    uint64_t fingerprint; /* of the file; 0: a stream */
    uint64_t started_at;  /* offset */
    uint64_t max_record_bytes;
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

/* Which file this is, and as of when: another one must not be gone on with. */
static uint64_t fingerprint_of(int fd)
{
    struct stat status;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return 0;
    uint64_t facts[] = {(uint64_t)status.st_dev, (uint64_t)status.st_ino,
                        (uint64_t)status.st_size, (uint64_t)status.st_mtim.tv_sec,
                        (uint64_t)status.st_mtim.tv_nsec};
    return XXH64(facts, sizeof facts, 0);
}

int source_open(const char *path, const struct chunker_config *config,
                struct source **ret_source, char *error, size_t error_size)
{
    const char *name = path ? path : "standard input";
    struct input input;
    int fd = open_path(path);
    int result = fd < 0 ? fd : find_kind(fd, &input);
    if (result < 0) {
        if (fd >= 0)
            close(fd);
        snprintf(error, error_size, "cannot read %s: %s", name, strerror(-result));
        return result;
    }
    struct source *source = allocate_zeroed(1, sizeof *source);
    source->name = allocate_text("%s", name);
    source->input = input;
    source->fingerprint = fingerprint_of(input.fd);
    source->started_at = input.offset;
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

static void write_mark(const struct source *source, struct chunk *chunk)
{
    uint64_t after[3] = {htole64(chunk->offset + chunk->length),
                         htole64(chunk->first_record + chunk->records),
                         htole64(source->fingerprint)};
    static_assert(1 + sizeof after == MARK_SIZE && MARK_SIZE <= sizeof chunk->mark,
                  "a mark has room");
    chunk->mark[0] = MARK_FORM;
    memcpy(chunk->mark + 1, after, sizeof after);
    chunk->mark_size = MARK_SIZE;
}

bool source_start(struct source *source, struct slice mark)
{
    if (mark.size == 0)
        return true;
    if (mark.size != MARK_SIZE || mark.data[0] != MARK_FORM) {
        fail(source, "%s: cannot go on: the mark is of another version", source->name);
        return false;
    }
    uint64_t after[3];
    memcpy(after, mark.data + 1, sizeof after);
    if (le64toh(after[2]) != source->fingerprint) {
        fail(source,
             "%s: cannot go on: the run began with another input, or with this "
             "one before it was changed",
             source->name);
        return false;
    }
    uint64_t offset = le64toh(after[0]), record = le64toh(after[1]);
    int result = source->input.kind->seek(&source->input, offset);
    if (result < 0) {
        fail(source, "%s: cannot go on at byte %" PRIu64 ": %s", source->name, offset,
             result == -ENODATA ? "it is shorter" : strerror(-result));
        return false;
    }
    chunker_start(source->chunker, offset, record);
    source->started_at = offset;
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

/* Feeds the chunker once. SOURCE_CHUNK stands for: ask it again. */
static enum source_outcome read_on(struct source *source)
{
    size_t size;
    void *room = chunker_room(source->chunker, &size);
    ssize_t got = source->input.kind->read(&source->input, room,
                                           size < READ_MAX ? size : READ_MAX);
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

static enum source_outcome refuse_record(struct source *source)
{
    fail(source,
         "%s: the record at byte %" PRIu64 " is longer than %" PRIu64
         " bytes (--max-record)",
         source->name, chunker_record_offset(source->chunker),
         source->max_record_bytes);
    return SOURCE_FAILED;
}

enum source_outcome source_next(struct source *source, struct chunk *ret_chunk)
{
    for (int reads = 0;; reads++) {
        switch (chunker_take(source->chunker, ret_chunk)) {
        case CHUNKER_CHUNK:
            write_mark(source, ret_chunk);
            return SOURCE_CHUNK;
        case CHUNKER_ENDED:
            return SOURCE_ENDED;
        case CHUNKER_TOO_LONG:
            return refuse_record(source);
        case CHUNKER_HUNGRY:
            break;
        }
        if (reads == READS_MAX)
            return SOURCE_MORE;
        enum source_outcome outcome = read_on(source);
        if (outcome != SOURCE_CHUNK)
            return outcome;
    }
}

bool source_can_reread(const struct source *source)
{
    return source->input.kind->reread != NULL;
}

bool source_reread(struct source *source, uint64_t offset, uint64_t length,
                   zmq_msg_t *ret_bytes)
{
    zmq_msg_t bytes;
    if (zmq_msg_init_size(&bytes, length))
        abort_out_of_memory();
    int result = source->input.kind->reread(&source->input, offset,
                                            zmq_msg_data(&bytes), length);
    if (result == 0) {
        zmq_msg_init(ret_bytes);
        zmq_msg_move(ret_bytes, &bytes);
        return true;
    }
    zmq_msg_close(&bytes);
    fail(source, "cannot read bytes %" PRIu64 "-%" PRIu64 " of %s again: %s", offset,
         offset + length - 1, source->name,
         result == -ENODATA ? "it is shorter than it was" : strerror(-result));
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

const char *source_error(const struct source *source)
{
    return source->error;
}
