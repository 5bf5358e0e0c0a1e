/* SPDX-License-Identifier: MIT */
/*
 * A queue of parcels and one descriptor. The queue is a ring of seats: first those that
 * are written and not yet told, then those that wait; `offset` bytes of the first one
 * that waits are out already. Parcels in memory are gathered into one write; a spilled
 * one is written in pieces through `piece`, never brought back as a whole.
 */
#include "sink/output.h"
#include "common/memory.h"
#include "sink/lock.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    SEATS_FIRST = 1024,
    GATHER_MAX = 1024,         /* IOV_MAX of Linux */
    WRITE_BYTES_MAX = 4 << 20, /* a call, so that a slow disk lets the loop go on */
    PIECE_BYTES = 256 << 10,   /* of a spilled parcel */
    OPENS_MAX = 100,           /* of a file that others take away each time */
};

/* How a write is kept from blocking. */
enum output_way {
    OUTPUT_PLAIN,  /* it does not block, or only as long as a disk */
    OUTPUT_SOCKET, /* MSG_DONTWAIT */
    OUTPUT_ASKS,   /* poll, then no more than a pipe is bound to take */
};

struct output_seat {
    uint64_t seq;
    uint64_t size;
    struct parcel *parcel; /* NULL: written */
};

struct output {
    int fd;
    enum output_way way;
    bool regular;
    bool owned;   /* opened by its path: nobody else writes there */
    bool created; /* by us: it was not there */
    bool cleared; /* what was there before is gone */
    bool waits;   /* the last write found no room */
    int error;    /* -errno of the write that failed */
    char *name;
    uint64_t start, found;     /* where writing began; bytes that were there */
    uint64_t bytes, whole;     /* the end of what is written, and of what is told of */
    struct output_seat *seats; /* ring */
    size_t capacity;           /* a power of two */
    size_t first;              /* index of the first seat in use */
    size_t written;            /* seats whose parcel is written */
    size_t count;              /* seats in use, those included */
    size_t offset;             /* in the first parcel that waits */
    uint8_t *piece;            /* bytes of the first parcel that waits, if spilled */
    size_t piece_from, piece_size; /* which; size 0: none */
};

static struct output *output_new(int fd, const char *name)
{
    struct output *output = allocate_zeroed(1, sizeof *output);

    output->fd = fd;
    output->name = allocate_text("%s", name);
    output->capacity = SEATS_FIRST;
    output->seats = allocate_zeroed(output->capacity, sizeof *output->seats);
    return output;
}

/* The same pipe or terminal with a description, and so flags, of our own. -errno where
 * that is not possible. */
static int reopen(int fd)
{
    char path[64];
    int flags = fcntl(fd, F_GETFL), own;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY |
                         (flags >= 0 ? flags & O_APPEND : 0));
    return own >= 0 ? own : -errno;
}

struct output *output_adopt(int fd, const char *name)
{
    struct output *output = output_new(fd, name);
    struct stat status;
    int own;

    if (fstat(fd, &status) != 0)
        return output; /* the first write tells */
    output->regular = S_ISREG(status.st_mode);
    output->found = output->regular ? (uint64_t)status.st_size : 0;
    if (S_ISSOCK(status.st_mode)) {
        output->way = OUTPUT_SOCKET;
    } else if (S_ISFIFO(status.st_mode) || isatty(fd)) {
        own = reopen(fd);
        if (own >= 0) {
            close(fd);
            output->fd = own;
        } else {
            output->way = OUTPUT_ASKS;
        }
    }
    return output;
}

/* Descriptor 1 becomes /dev/null: nothing else of this process may end up among the
 * data, and the reader sees the end when the output is closed. */
static int take_standard_output(struct output **ret_output)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), nothing;

    if (fd < 0)
        return -errno;
    nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nothing >= 0) {
        dup2(nothing, STDOUT_FILENO);
        close(nothing);
    }
    *ret_output = output_adopt(fd, "standard output");
    return 0;
}

/* -EBUSY with `error`: another process has the file locked. */
static int claim(int fd, const char *path, int64_t wait_us, char *error,
                 size_t error_size)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return -errno;
    return S_ISREG(status.st_mode) ? lock_file(fd, path, wait_us, error, error_size)
                                   : 0;
}

/* Never a standard descriptor's number: where one was closed, what is said on stderr
 * would end up in the data. -errno where there is none. */
static int leave_standard(int fd)
{
    int moved;

    if (fd < 0)
        return -errno;
    if (fd > STDERR_FILENO)
        return fd;
    moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (moved < 0)
        moved = -errno;
    close(fd);
    return moved;
}

/* To open what is there may take for ever, and a signal is to end that; what is created
 * is not to be left behind by one. */
static int open_or_create(const char *path, bool *ret_created)
{
    /* Not O_TRUNC: what is there is another's until we have the lock. */
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY;
    sigset_t ends, before;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &ends, &before);
    int fd = open(path, flags | O_EXCL, 0666);
    *ret_created = fd >= 0;
    if (fd >= 0)
        return fd;
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return error == EEXIST ? open(path, flags, 0666) : -1;
}

/* Whether the name is still that of a regular file: who had it locked before may have
 * taken the file away, and what is written to one without a name is lost. */
static bool has_name(int fd, const char *path)
{
    struct stat opened, named;

    if (fstat(fd, &opened) != 0 || !S_ISREG(opened.st_mode))
        return true;
    if (stat(path, &named) != 0)
        return errno != ENOENT;
    return named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/* The descriptor, or -errno. */
static int open_and_claim(const char *path, int64_t wait_us, bool *ret_created,
                          char *error, size_t error_size)
{
    for (int i = 0; i < OPENS_MAX; i++) {
        int fd = leave_standard(open_or_create(path, ret_created));
        if (fd < 0)
            return fd;
        int result = claim(fd, path, wait_us, error, error_size);
        if (result == 0 && has_name(fd, path))
            return fd;
        close(fd);
        if (result < 0)
            return result;
    }
    return -ESTALE;
}

static int open_path(const char *path, int64_t wait_us, struct output **ret_output,
                     char *error, size_t error_size)
{
    bool created;
    int fd = open_and_claim(path, wait_us, &created, error, error_size);
    if (fd < 0)
        return fd;
    *ret_output = output_adopt(fd, path);
    (*ret_output)->owned = true;
    (*ret_output)->created = created;
    return 0;
}

int output_open(const char *path, int64_t wait_us, struct output **ret_output,
                char *error, size_t error_size)
{
    int result;

    if (path == NULL)
        result = take_standard_output(ret_output);
    else
        result = open_path(path, wait_us, ret_output, error, error_size);
    if (result < 0 && result != -EBUSY)
        snprintf(error, error_size, "cannot open %s: %s",
                 path ? path : "standard output", strerror(-result));
    return result;
}

int output_go_on(struct output *output, uint64_t offset)
{
    if (output->found < offset)
        return 1;
    if (lseek(output->fd, (off_t)offset, SEEK_SET) < 0)
        return -errno;
    output->start = output->bytes = output->whole = offset;
    return 0;
}

int output_clear(struct output *output)
{
    if (!output->owned || !output->regular || output->cleared)
        return 0;
    if (ftruncate(output->fd, (off_t)output->start) < 0)
        return -errno;
    output->cleared = true;
    return 0;
}

int output_complete(struct output *output)
{
    int result = output_clear(output);

    if (result == 0 && output->owned && !has_name(output->fd, output->name))
        return -ESTALE;
    return result;
}

const char *output_error_text(int error)
{
    return error == -ESTALE ? "it was taken away, or another put in its place"
                            : strerror(-error);
}

void output_cut(struct output *output)
{
    if (output->owned && output->regular && output->cleared &&
        ftruncate(output->fd, (off_t)output->whole) == 0)
        output->bytes = output->whole;
}

void output_discard(struct output *output)
{
    if (output != NULL && output->created && output->bytes == 0 &&
        has_name(output->fd, output->name))
        unlink(output->name);
}

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
