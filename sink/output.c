/* SPDX-License-Identifier: MIT */
/*
 * A queue of parcels and one descriptor. The queue is a ring of seats: first those that
 * are written and not yet told, then those that wait; `offset` bytes of the first one
 * that waits are out already. Parcels in memory are gathered into one write; a spilled
 * one is written in pieces through `piece`, never brought back as a whole.
 */
#include "common/memory.h"
#include "sink/output_state.h"

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
    PIECE_BYTES = 256 << 10,   /* of a spilled parcel */
};

static struct output_seat *seat_at(const struct output *output, size_t index)
{
    return &output->seats[(output->first + index) & (output->capacity - 1)];
}

static void drop_queue(struct output *output)
{
    for (size_t i = output->written; i < output->count; i++)
        parcel_destroy(&seat_at(output, i)->parcel);
    output->count = output->written;
}

int output_close(struct output **output_p)
{
    struct output *output = *output_p;
    int result;

    if (output == NULL)
        return 0;
    drop_queue(output);
    result = close(output->fd) == 0 || errno == EINTR ? 0 : -errno;
    free(output->piece);
    free(output->seats);
    free(output->name);
    free(output);
    *output_p = NULL;
    return result;
}

static void grow(struct output *output)
{
    size_t capacity = output->capacity * 2;
    struct output_seat *seats = allocate_zeroed(capacity, sizeof *seats);

    for (size_t i = 0; i < output->count; i++)
        seats[i] = *seat_at(output, i);
    free(output->seats);
    output->seats = seats;
    output->capacity = capacity;
    output->first = 0;
}

void output_push(struct output *output, struct parcel *parcel)
{
    if (output->count == output->capacity)
        grow(output);
    *seat_at(output, output->count++) = (struct output_seat){
        .seq = parcel_seq(parcel), .size = parcel_size(parcel), .parcel = parcel};
}

/* The bytes of a spilled parcel from `offset` on, as many as are at hand. */
static int load_piece(struct output *output, const struct parcel *parcel,
                      struct iovec *ret_bytes)
{
    size_t skipped = output->offset - output->piece_from;

    if (output->piece_size == 0 || skipped >= output->piece_size) {
        size_t left = parcel_size(parcel) - output->offset;
        size_t size = left < PIECE_BYTES ? left : PIECE_BYTES;
        int result;

        if (output->piece == NULL)
            output->piece = allocate(PIECE_BYTES);
        result = parcel_read(parcel, output->offset, output->piece, size);
        if (result < 0)
            return result;
        output->piece_from = output->offset;
        output->piece_size = size;
        skipped = 0;
    }
    ret_bytes->iov_base = output->piece + skipped;
    ret_bytes->iov_len = output->piece_size - skipped;
    return 0;
}

/* What one write is to carry; returns the number of parts or -errno. Parcels without a
 * byte take part with none. */
static int gather(struct output *output, struct iovec *parts)
{
    size_t bytes = 0;
    int count = 0;

    for (size_t i = output->written; i < output->count; i++) {
        const struct parcel *parcel = seat_at(output, i)->parcel;
        size_t skipped = count == 0 ? output->offset : 0;
        struct slice slice;

        if (count == GATHER_MAX || bytes >= WRITE_BYTES_MAX)
            break;
        if (parcel_spilled(parcel)) {
            int result = count == 0 ? load_piece(output, parcel, parts) : 0;

            return count > 0 ? count : result < 0 ? result : 1;
        }
        slice = parcel_bytes(parcel);
        parts[count].iov_base = (uint8_t *)slice.data + skipped;
        parts[count].iov_len = slice.size - skipped;
        bytes += parts[count++].iov_len;
    }
    return count;
}

/* Cuts the parts to `limit` bytes. */
static int cut(struct iovec *parts, int count, size_t limit)
{
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_len >= limit) {
            parts[i].iov_len = limit;
            return i + 1;
        }
        limit -= parts[i].iov_len;
    }
    return count;
}

static ssize_t write_asking(int fd, struct iovec *parts, int count)
{
    struct pollfd item = {.fd = fd, .events = POLLOUT};

    if (poll(&item, 1, 0) == 1 && item.revents != 0)
        return writev(fd, parts, cut(parts, count, PIPE_BUF));
    errno = EAGAIN;
    return -1;
}

static ssize_t write_parts(struct output *output, struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t written = output_clear(output);

    if (written < 0)
        return written;
    do {
        switch (output->way) {
        case OUTPUT_SOCKET:
            written = sendmsg(output->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
            break;
        case OUTPUT_ASKS:
            written = write_asking(output->fd, parts, count);
            break;
        case OUTPUT_PLAIN:
        default:
            written = writev(output->fd, parts, count);
            break;
        }
    } while (written < 0 && errno == EINTR);
    return written >= 0 ? written : -errno;
}

/* Parcels whose last byte is among the `size` that went out are done. */
static void account(struct output *output, size_t size)
{
    output->bytes += size;
    while (output->written < output->count) {
        struct output_seat *seat = seat_at(output, output->written);
        size_t left = parcel_size(seat->parcel) - output->offset;

        if (size < left) {
            output->offset += size;
            return;
        }
        size -= left;
        parcel_destroy(&seat->parcel);
        output->written++;
        output->offset = 0;
        output->piece_size = 0;
    }
}

static size_t total(const struct iovec *parts, int count)
{
    size_t bytes = 0;

    for (int i = 0; i < count; i++)
        bytes += parts[i].iov_len;
    return bytes;
}

int output_write(struct output *output)
{
    struct iovec parts[GATHER_MAX];
    uint64_t stop = output->bytes + WRITE_BYTES_MAX;

    while (output->error == 0 && output->written < output->count &&
           output->bytes < stop) {
        int count = gather(output, parts);
        size_t wanted = count > 0 ? total(parts, count) : 0;
        ssize_t written = count;

        if (wanted > 0)
            written = write_parts(output, parts, count);
        else if (count > 0)
            written = 0; /* results without a byte */
        output->waits = written == -EAGAIN;
        if (output->waits)
            return 0;
        if (written < 0 || (written == 0 && wanted > 0))
            output->error = written < 0 ? (int)written : -EIO;
        else
            account(output, (size_t)written);
    }
    return output->error;
}

bool output_take_written(struct output *output, uint64_t *ret_seq)
{
    if (output->written == 0)
        return false;
    *ret_seq = seat_at(output, 0)->seq;
    output->whole += seat_at(output, 0)->size;
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

int output_spill(struct output *output, const struct store *store,
                 uint64_t memory_bytes)
{
    int result = 0;

    for (size_t i = output->count; i > output->written + 1 && result == 0; i--) {
        struct parcel *parcel = seat_at(output, i - 1)->parcel;

        if (store_memory_bytes(store) <= memory_bytes)
            break;
        if (parcel_spillable(parcel))
            result = parcel_spill(parcel);
    }
    return result;
}
