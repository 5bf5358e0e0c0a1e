/* SPDX-License-Identifier: MIT */
/*
 * Line by line. A line longer than LINE_MAX_BYTES is cut into several. A write to our
 * stderr has at most PIPE_BUF bytes and follows a poll, so it does not block.
 * O_NONBLOCK would do the same, but for every process that shares our stderr.
 */
#include "worker/program/stderr_relay.h"
#include "common/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 64 << 10,
    QUEUE_MAX_BYTES = 1 << 20,
    READ_BYTES = 16 << 10,
    FINISH_READS = 64, /* a survivor of the group may write for ever */
};

struct stderr_queue {
    int fd;
    char *data;
    size_t size, capacity;
    uint64_t dropped; /* lines, since the last notice */
};

struct stderr_relay {
    int fd;
    uint32_t slot;
    bool prefix;
    struct stderr_queue *queue;
    uint64_t seq;
    char *line; /* the unfinished one */
    size_t line_size, line_capacity;
    char tail[2 * TEXT_MAX_BYTES];
    size_t tail_size;
};

static void grow(char **data_p, size_t *capacity, size_t needed)
{
    if (needed <= *capacity)
        return;
    *capacity = needed * 2;
    *data_p = reallocate(*data_p, *capacity, 1);
}

struct stderr_queue *stderr_queue_new(int fd)
{
    struct stderr_queue *queue = allocate_zeroed(1, sizeof *queue);
    queue->fd = fd;
    return queue;
}

void stderr_queue_destroy(struct stderr_queue **queue_p)
{
    if (!*queue_p)
        return;
    free((*queue_p)->data);
    free(*queue_p);
    *queue_p = NULL;
}

static void queue_append(struct stderr_queue *queue, const char *data, size_t size)
{
    if (size == 0)
        return;
    grow(&queue->data, &queue->capacity, queue->size + size);
    memcpy(queue->data + queue->size, data, size);
    queue->size += size;
}

static void queue_line(struct stderr_queue *queue, const char *prefix,
                       const struct slice *line)
{
    size_t length = strlen(prefix) + line->size + 1;
    if (queue->size + length > QUEUE_MAX_BYTES) {
        queue->dropped++;
        return;
    }
    if (queue->dropped > 0) {
        char notice[96];
        int size = snprintf(notice, sizeof notice,
                            "fanfold-worker: %" PRIu64 " lines of stderr dropped\n",
                            queue->dropped);
        queue_append(queue, notice, (size_t)size);
        queue->dropped = 0;
    }
    queue_append(queue, prefix, strlen(prefix));
    queue_append(queue, (const char *)line->data, line->size);
    queue_append(queue, "\n", 1);
}

/* Ends a piece with the last line that fits, so that lines of others stay apart. */
static size_t piece_size(const struct stderr_queue *queue, size_t from)
{
    size_t left = queue->size - from;
    if (left <= PIPE_BUF)
        return left;
    const char *end = memrchr(queue->data + from, '\n', PIPE_BUF);
    return end ? (size_t)(end - queue->data) + 1 - from : PIPE_BUF;
}

bool stderr_queue_push(struct stderr_queue *queue, int wait_ms)
{
    size_t sent = 0;
    while (sent < queue->size) {
        struct pollfd polled = {.fd = queue->fd, .events = POLLOUT};
        if (poll(&polled, 1, wait_ms) <= 0)
            break;
        ssize_t wrote = -1;
        if (polled.revents & POLLOUT)
            wrote = write(queue->fd, queue->data + sent, piece_size(queue, sent));
        if (wrote < 0 && (errno == EINTR || errno == EAGAIN) &&
            polled.revents == POLLOUT)
            break;
        /* Nobody is there to read it. */
        sent = wrote < 0 ? queue->size : sent + (size_t)wrote;
    }
    if (sent > 0)
        memmove(queue->data, queue->data + sent, queue->size - sent);
    queue->size -= sent;
    return queue->size == 0;
}

struct stderr_relay *stderr_relay_new(int fd, uint32_t slot, bool prefix,
                                      struct stderr_queue *queue)
{
    struct stderr_relay *relay = allocate_zeroed(1, sizeof *relay);
    relay->fd = fd;
    relay->slot = slot;
    relay->prefix = prefix;
    relay->queue = queue;
    return relay;
}

void stderr_relay_destroy(struct stderr_relay **stderr_relay_p)
{
    if (!*stderr_relay_p)
        return;
    close((*stderr_relay_p)->fd);
    free((*stderr_relay_p)->line);
    free(*stderr_relay_p);
    *stderr_relay_p = NULL;
}

int stderr_relay_fd(const struct stderr_relay *relay)
{
    return relay->fd;
}

static void end_line(struct stderr_relay *relay)
{
    char prefix[80] = "";
    if (relay->prefix)
        snprintf(prefix, sizeof prefix, "[slot %" PRIu32 " seq %" PRIu64 "] ",
                 relay->slot + 1, relay->seq);
    struct slice line = {(const uint8_t *)relay->line, relay->line_size};
    queue_line(relay->queue, prefix, &line);
    relay->line_size = 0;
}

static void add_text(struct stderr_relay *relay, const char *data, size_t size)
{
    while (size > 0) {
        const char *end = memchr(data, '\n', size);
        size_t part = end ? (size_t)(end - data) : size;
        size_t room = LINE_MAX_BYTES - relay->line_size;
        bool cut = part > room;
        if (cut)
            part = room;
        grow(&relay->line, &relay->line_capacity, relay->line_size + part + 1);
        memcpy(relay->line + relay->line_size, data, part);
        relay->line_size += part;
        if (end || cut)
            end_line(relay);
        size_t used = part + (end && !cut ? 1 : 0);
        data += used;
        size -= used;
    }
}

/* Keeps the last TEXT_MAX_BYTES in a buffer of twice that, so that most appends move
 * nothing. */
static void add_tail(struct stderr_relay *relay, const char *data, size_t size)
{
    if (size > TEXT_MAX_BYTES) {
        data += size - TEXT_MAX_BYTES;
        size = TEXT_MAX_BYTES;
    }
    if (relay->tail_size + size > sizeof relay->tail) {
        size_t keep = TEXT_MAX_BYTES;
        memmove(relay->tail, relay->tail + relay->tail_size - keep, keep);
        relay->tail_size = keep;
    }
    memcpy(relay->tail + relay->tail_size, data, size);
    relay->tail_size += size;
}

static bool read_once(struct stderr_relay *relay)
{
    char data[READ_BYTES];
    ssize_t got = read(relay->fd, data, sizeof data);
    if (got <= 0)
        return false;
    add_tail(relay, data, (size_t)got);
    add_text(relay, data, (size_t)got);
    return got == (ssize_t)sizeof data;
}

void stderr_relay_begin(struct stderr_relay *relay, uint64_t seq)
{
    relay->seq = seq;
    relay->tail_size = 0;
}

void stderr_relay_speaker(struct stderr_relay *relay, uint64_t seq)
{
    if (relay->seq != seq)
        stderr_relay_begin(relay, seq);
}

void stderr_relay_forget(struct stderr_relay *relay, uint64_t seq)
{
    if (relay->seq == seq)
        relay->tail_size = 0;
}

void stderr_relay_read(struct stderr_relay *relay)
{
    for (int left = 4; left > 0 && read_once(relay); left--)
        ;
}

void stderr_relay_end_line(struct stderr_relay *relay)
{
    if (relay->line_size > 0)
        end_line(relay);
}

void stderr_relay_finish(struct stderr_relay *relay)
{
    for (int left = FINISH_READS; left > 0 && read_once(relay); left--)
        ;
    stderr_relay_end_line(relay);
}

struct slice stderr_relay_tail(struct stderr_relay *relay)
{
    size_t size = relay->tail_size < TEXT_MAX_BYTES ? relay->tail_size : TEXT_MAX_BYTES;
    return (struct slice){(const uint8_t *)relay->tail + relay->tail_size - size, size};
}
