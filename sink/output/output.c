/* SPDX-License-Identifier: MIT */
/*
 * A queue of results and one descriptor. The queue is a ring of entries: first those
 * that are written and not yet told, then those that wait; `offset` bytes of the first
 * one that waits are out already. Results in memory are gathered into one write, with
 * a part of a large one; a spilled one is written in pieces through `piece`, never
 * brought back as a whole.
 */
#include "sink/output/output_state.h"

#include "common/memory.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    GATHER_MAX = 1024,         /* IOV_MAX of Linux */
    WRITE_BYTES_MAX = 4 << 20, /* a call, so that a slow disk lets the loop go on */
    PIECE_BYTES = 256 << 10,   /* of a spilled result */
};

static struct output_entry *entry_at(const struct output *output, size_t index)
{
    return &output->entries[(output->first + index) & (output->capacity - 1)];
}

static void drop_queue(struct output *output)
{
    for (size_t i = output->written; i < output->count; i++)
        result_destroy(&entry_at(output, i)->result);
    output->count = output->written;
}

int output_close(struct output **output_p)
{
    struct output *output = *output_p;
    if (!output)
        return 0;
    drop_queue(output);
    output_watch_destroy(&output->watch);
    int error = close(output->fd) == 0 || errno == EINTR ? 0 : -errno;
    free(output->piece);
    free(output->entries);
    free(output->name);
    free(output);
    *output_p = NULL;
    return error;
}

static void grow(struct output *output)
{
    size_t capacity = output->capacity * 2;
    struct output_entry *entries = allocate_zeroed(capacity, sizeof *entries);
    for (size_t i = 0; i < output->count; i++)
        entries[i] = *entry_at(output, i);
    free(output->entries);
    output->entries = entries;
    output->capacity = capacity;
    output->first = 0;
}

void output_push(struct output *output, struct result *result)
{
    if (output->count == output->capacity)
        grow(output);
    *entry_at(output, output->count++) = (struct output_entry){
        .seq = result_seq(result), .size = result_size(result), .result = result};
}

/* Finds the bytes of a spilled result from `offset` on, as many as are at hand. */
static int load_piece(struct output *output, const struct result *result,
                      struct iovec *ret_bytes)
{
    size_t skipped = output->offset - output->piece_from;
    if (output->piece_size == 0 || skipped >= output->piece_size) {
        size_t left = result_size(result) - output->offset;
        size_t size = left < PIECE_BYTES ? left : PIECE_BYTES;
        if (!output->piece)
            output->piece = allocate(PIECE_BYTES);
        int error = result_read(result, output->offset, output->piece, size);
        if (error < 0)
            return error;
        output->piece_from = output->offset;
        output->piece_size = size;
        skipped = 0;
    }
    ret_bytes->iov_base = output->piece + skipped;
    ret_bytes->iov_len = output->piece_size - skipped;
    return 0;
}

/* Gathers what one write carries; returns the number of vectors or -errno. A result
 * without a byte has an empty vector. */
static int gather(struct output *output, struct iovec *vectors)
{
    size_t bytes = 0;
    int count = 0;
    for (size_t i = output->written; i < output->count; i++) {
        const struct result *result = entry_at(output, i)->result;
        size_t skipped = count == 0 ? output->offset : 0;
        if (count == GATHER_MAX || bytes >= WRITE_BYTES_MAX)
            break;
        if (result_spilled(result)) {
            int error = count == 0 ? load_piece(output, result, vectors) : 0;
            return count > 0 ? count : error < 0 ? error : 1;
        }
        struct slice slice = result_bytes(result);
        vectors[count].iov_base = (uint8_t *)slice.data + skipped;
        vectors[count].iov_len = slice.size - skipped;
        if (vectors[count].iov_len > WRITE_BYTES_MAX - bytes)
            vectors[count].iov_len = WRITE_BYTES_MAX - bytes;
        bytes += vectors[count++].iov_len;
    }
    return count;
}

/* Cuts the vectors to `limit` bytes. */
static int cut(struct iovec *vectors, int count, size_t limit)
{
    for (int i = 0; i < count; i++) {
        if (vectors[i].iov_len >= limit) {
            vectors[i].iov_len = limit;
            return i + 1;
        }
        limit -= vectors[i].iov_len;
    }
    return count;
}

static ssize_t write_asking(int fd, struct iovec *vectors, int count)
{
    struct pollfd item = {.fd = fd, .events = POLLOUT};
    if (poll(&item, 1, 0) == 1 && item.revents != 0)
        return writev(fd, vectors, cut(vectors, count, PIPE_BUF));
    errno = EAGAIN;
    return -1;
}

static ssize_t write_vectors(struct output *output, struct iovec *vectors, int count)
{
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = (size_t)count};
    ssize_t written = output_clear(output);
    if (written < 0)
        return written;
    do {
        switch (output->link) {
        case OUTPUT_SOCKET:
            written = sendmsg(output->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
            break;
        case OUTPUT_ASKS:
            written = write_asking(output->fd, vectors, count);
            break;
        case OUTPUT_PLAIN:
        default:
            written = writev(output->fd, vectors, count);
            break;
        }
    } while (written < 0 && errno == EINTR);
    return written >= 0 ? written : -errno;
}

/* Results whose last byte is among the `size` that went out are done. */
static void account(struct output *output, const struct iovec *vectors, size_t size)
{
    output->bytes += size;
    if (output->watch)
        output_watch_note(output->watch, vectors, size);
    while (output->written < output->count) {
        struct output_entry *entry = entry_at(output, output->written);
        size_t left = result_size(entry->result) - output->offset;
        if (size < left) {
            output->offset += size;
            return;
        }
        size -= left;
        result_destroy(&entry->result);
        output->written++;
        output->offset = 0;
        output->piece_size = 0;
    }
}

static size_t total(const struct iovec *vectors, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += vectors[i].iov_len;
    return bytes;
}

int output_write(struct output *output)
{
    struct iovec vectors[GATHER_MAX];
    uint64_t stop = output->bytes + WRITE_BYTES_MAX;
    if (output->error == 0 && output->written < output->count)
        output->error = output_look(output);
    while (output->error == 0 && output->written < output->count &&
           output->bytes < stop) {
        int count = gather(output, vectors);
        size_t wanted = count > 0 ? total(vectors, count) : 0;
        ssize_t written = count;
        if (wanted > 0)
            written = write_vectors(output, vectors, count);
        else if (count > 0)
            written = 0; /* results without a byte */
        output->waits = written == -EAGAIN;
        if (output->waits)
            return 0;
        if (written < 0 || (written == 0 && wanted > 0))
            output->error = written < 0 ? (int)written : -EIO;
        else
            account(output, vectors, (size_t)written);
    }
    return output->error;
}

bool output_take_written(struct output *output, uint64_t *ret_seq)
{
    if (output->written == 0)
        return false;
    *ret_seq = entry_at(output, 0)->seq;
    output->whole += entry_at(output, 0)->size;
    output->first = (output->first + 1) & (output->capacity - 1);
    output->written--;
    output->count--;
    return true;
}

int output_descriptor(const struct output *output)
{
    return output->fd;
}

bool output_waits(const struct output *output)
{
    return output->waits;
}

int output_check(struct output *output)
{
    struct pollfd item = {.fd = output->fd};
    if (output->error == 0 && poll(&item, 1, 0) == 1 &&
        (item.revents & (POLLERR | POLLHUP)) != 0)
        output->error = -EPIPE;
    return output->error;
}

uint64_t output_queued(const struct output *output)
{
    return output->count - output->written;
}

uint64_t output_bytes(const struct output *output)
{
    return output->bytes;
}

uint64_t output_whole_bytes(const struct output *output)
{
    return output->whole;
}

uint64_t output_found_bytes(const struct output *output)
{
    return output->found;
}

bool output_is_as_found(const struct output *output)
{
    return output->found > 0 && !output->cleared;
}

const char *output_name(const struct output *output)
{
    return output->name;
}

bool output_is_regular(const struct output *output)
{
    return output->regular;
}

bool output_is_owned(const struct output *output)
{
    return output->owned;
}

int output_spill(struct output *output, const struct result_memory *memory,
                 uint64_t memory_bytes)
{
    int error = 0;
    for (size_t i = output->count; i > output->written + 1 && error == 0; i--) {
        struct result *result = entry_at(output, i - 1)->result;
        if (result_memory_bytes(memory) <= memory_bytes)
            break;
        if (result_spillable(result))
            error = result_spill(result);
    }
    return error;
}
