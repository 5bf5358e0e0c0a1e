/* SPDX-License-Identifier: MIT */
/*
 * The kind of output that is bytes of a descriptor. `offset` bytes of the first entry
 * that waits are out already. Results in memory are gathered into one write, with a
 * part of a large one and the head before each; a spilled one is written in pieces
 * through `piece`, never brought back as a whole, unless it is small. Where records are
 * framed, all goes through `piece`.
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

/* ---- what one write carries ---- */

/* Finds the bytes of a spilled result from `offset` on, as many as are at hand. */
static int load_piece(struct output *output, const struct result *result, size_t offset,
                      struct iovec *ret_bytes)
{
    size_t skipped = offset - output->piece_from;
    if (output->piece_size == 0 || skipped >= output->piece_size) {
        size_t left = result_size(result) - offset;
        size_t size = left < PIECE_BYTES ? left : PIECE_BYTES;
        if (!output->piece)
            output->piece = allocate(PIECE_BYTES);
        int error = result_read(result, offset, output->piece, size);
        if (error < 0)
            return error;
        output->piece_from = offset;
        output->piece_size = size;
        skipped = 0;
    }
    ret_bytes->iov_base = output->piece + skipped;
    ret_bytes->iov_len = output->piece_size - skipped;
    return 0;
}

/* One vector of the entry, whose first `skipped` bytes are out: its head, or bytes of
 * its result, maybe none. 0 or -errno. */
static int find_vector(struct output *output, const struct output_entry *entry,
                       size_t skipped, struct iovec *ret_vector)
{
    if (skipped < entry->head_size) {
        ret_vector->iov_base = (uint8_t *)entry->head + skipped;
        ret_vector->iov_len = entry->head_size - skipped;
        return 0;
    }
    skipped -= entry->head_size;
    if (result_spilled(entry->result))
        return load_piece(output, entry->result, skipped, ret_vector);
    struct slice slice = result_bytes(entry->result);
    ret_vector->iov_base = (uint8_t *)slice.data + skipped;
    ret_vector->iov_len = slice.size - skipped;
    return 0;
}

/* A small spilled result comes back, to be written together with its neighbours. Its
 * caller lets a piece of such be in memory at a time. */
static int load_small(struct result *result)
{
    return result_is_small_and_spilled(result) ? result_load(result) : 0;
}

/* Gathers what one write carries; returns the number of vectors or -errno. A result
 * without a byte has an empty vector. A spilled result is the last, and not before
 * others: there is one piece. */
static int gather_results(struct output *output, struct iovec *vectors)
{
    size_t bytes = 0, skipped = output->offset;
    int count = 0;
    for (size_t i = output->written; i < output->count;) {
        const struct output_entry *entry = output_entry_at(output, i);
        bool body = skipped >= entry->head_size;
        int error = body && bytes < PIECE_BYTES ? load_small(entry->result) : 0;
        bool spilled = result_spilled(entry->result);
        if (count == GATHER_MAX || bytes >= WRITE_BYTES_MAX ||
            (body && spilled && i > output->written))
            break;
        if (error == 0)
            error = find_vector(output, entry, skipped, &vectors[count]);
        if (error < 0)
            return error;
        if (vectors[count].iov_len > WRITE_BYTES_MAX - bytes)
            vectors[count].iov_len = WRITE_BYTES_MAX - bytes;
        bytes += vectors[count++].iov_len;
        if (body && (spilled || output->bytes + bytes >= output->limit))
            break;
        skipped = body ? 0 : entry->head_size;
        i += body;
    }
    return count;
}

/* Fills the piece, all of which is out, with frames of the entries that wait. 0 or
 * -errno. */
static int frame_records(struct output *output)
{
    size_t filled = 0, size;
    if (!output->piece)
        output->piece = allocate(PIECE_BYTES);
    while (filled < PIECE_BYTES && output->written + output->framed < output->count) {
        struct output_entry *entry =
            output_entry_at(output, output->written + output->framed);
        int outcome = record_framer_read(output->framer, entry->result,
                                         output->piece + filled, PIECE_BYTES - filled,
                                         &size);
        if (outcome < 0)
            return outcome;
        filled += size;
        output->framed_bytes += size;
        if (outcome == 0)
            continue;
        entry->size = output->framed_bytes;
        output->framed_bytes = 0;
        output->framed++;
        if (output->bytes + filled >= output->limit)
            break;
    }
    output->piece_from = 0;
    output->piece_size = filled;
    return 0;
}

static int gather_records(struct output *output, struct iovec *vectors)
{
    int error = output->piece_from == output->piece_size ? frame_records(output) : 0;
    vectors[0].iov_base = output->piece + output->piece_from;
    vectors[0].iov_len = output->piece_size - output->piece_from;
    return error < 0 ? error : 1;
}

static int gather(struct output *output, struct iovec *vectors)
{
    return output->framer ? gather_records(output, vectors)
                          : gather_results(output, vectors);
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

static void finish_entry(struct output *output)
{
    output_finish_entry(output);
    output->offset = 0;
    if (output->framer)
        output->framed--;
    else
        output->piece_size = 0;
}

/* Entries whose last byte is among the `size` that went out are done. One that is
 * framed in part has no end yet. */
static void account(struct output *output, const struct iovec *vectors, size_t size)
{
    output->bytes += size;
    if (output->watch)
        output_watch_note(output->watch, vectors, size);
    if (output->framer)
        output->piece_from += size;
    while (output->written < output->count) {
        uint64_t left = output_entry_at(output, output->written)->size - output->offset;
        if (size < left) {
            output->offset += size;
            return;
        }
        size -= (size_t)left;
        finish_entry(output);
    }
}

static size_t total(const struct iovec *vectors, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += vectors[i].iov_len;
    return bytes;
}

/* The part does, and nothing of the next result is in it. */
static bool has_its_end(const struct output *output)
{
    return output->bytes >= output->limit && output->offset == 0;
}

static int write_bytes(struct output *output)
{
    struct iovec vectors[GATHER_MAX];
    uint64_t stop = output->bytes + WRITE_BYTES_MAX;
    if (output->error == 0 && output->written < output->count)
        output->error = output_look(output);
    while (output->error == 0 && output->written < output->count &&
           output->bytes < stop && !has_its_end(output)) {
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
    output->waits = output->written < output->count && has_its_end(output);
    return output->error;
}

static int check_descriptor(struct output *output)
{
    struct pollfd item = {.fd = output->fd};
    bool gone = poll(&item, 1, 0) == 1 && (item.revents & (POLLERR | POLLHUP)) != 0;
    return gone ? -EPIPE : 0;
}

static int close_descriptor(struct output *output)
{
    output_watch_destroy(&output->watch);
    record_framer_destroy(&output->framer);
    free(output->piece);
    return close(output->fd) == 0 || errno == EINTR ? 0 : -errno;
}

/* The output without events too: that its reader went away is told unasked. */
static void fill_item(const struct output *output, zmq_pollitem_t *item)
{
    item->fd = output->fd;
    item->events = output_queued(output) > 0 && !has_its_end(output) ? ZMQ_POLLOUT : 0;
}

/* A result that is one record needs a head alone. */
static void shape_bytes(struct output *output, const struct output_shape *shape)
{
    record_framer_destroy(&output->framer);
    if (shape->framing == FRAMING_RECORD && shape->records.kind != RECORDS_WHOLE)
        output->framer = record_framer_new(&shape->records);
}

const struct output_kind output_bytes_kind = {
    .shape = shape_bytes,
    .write = write_bytes,
    .check = check_descriptor,
    .fill_item = fill_item,
    .close = close_descriptor,
};
