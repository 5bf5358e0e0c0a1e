/* SPDX-License-Identifier: MIT */
#include "deploy/lib/result_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void result_stream_deinit(struct result_stream *stream)
{
    free(stream->bytes);
    *stream = (struct result_stream){.bytes = NULL, .ended = stream->ended};
}

/* How many bytes the result at hand has; or a head, if that is not whole. */
static size_t wanted(const struct result_stream *stream)
{
    if (stream->end - stream->start < TAGGED_HEAD_BYTES)
        return TAGGED_HEAD_BYTES;
    return TAGGED_HEAD_BYTES +
           (size_t)tagged_head_decode(stream->bytes + stream->start).length;
}

bool result_stream_has(const struct result_stream *stream)
{
    size_t size = stream->end - stream->start;
    return size >= TAGGED_HEAD_BYTES && size >= wanted(stream);
}

/* The bytes at hand go to the beginning of a buffer that holds all that is wanted; one
 * that held a large result is given back. */
static int make_room(struct result_stream *stream)
{
    size_t size = stream->end - stream->start;
    size_t capacity = wanted(stream) < STREAM_BYTES ? STREAM_BYTES : wanted(stream);
    if (stream->start + wanted(stream) <= stream->capacity && size > 0 &&
        stream->end < stream->capacity)
        return 0;
    if (stream->capacity == capacity) {
        memmove(stream->bytes, stream->bytes + stream->start, size);
    } else {
        unsigned char *bytes = malloc(capacity);
        if (!bytes)
            return -ENOMEM;
        if (size > 0)
            memcpy(bytes, stream->bytes + stream->start, size);
        free(stream->bytes);
        stream->bytes = bytes;
        stream->capacity = capacity;
    }
    stream->start = 0;
    stream->end = size;
    return 0;
}

/* 1: some came; 0: none is there, or `ended`; -errno. */
static int receive(struct result_stream *stream, int socket)
{
    int rc = make_room(stream);
    ssize_t size;
    if (rc < 0)
        return rc;
    do
        size = recv(socket, stream->bytes + stream->end, stream->capacity - stream->end,
                    MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (size < 0 && errno != ECONNRESET) /* it left some of its input unread */
        return -errno;
    stream->ended = size <= 0;
    stream->end += size > 0 ? (size_t)size : 0;
    return size > 0;
}

static bool is_too_large(const struct result_stream *stream, uint64_t max_result)
{
    if (stream->end - stream->start < TAGGED_HEAD_BYTES)
        return false;
    struct tagged_head head = tagged_head_decode(stream->bytes + stream->start);
    return head.kind != TAGGED_DEAD_LETTER && head.length > max_result;
}

int result_stream_take(struct result_stream *stream, int socket, uint64_t max_result,
                       struct tagged_head *ret_head, const unsigned char **ret_bytes)
{
    while (!result_stream_has(stream) && !is_too_large(stream, max_result)) {
        if (stream->ended)
            return stream->end > stream->start ? STREAM_CUT : STREAM_END;
        int rc = receive(stream, socket);
        if (rc < 0)
            return rc;
        if (rc == 0 && !stream->ended)
            return STREAM_NONE;
    }
    if (is_too_large(stream, max_result))
        return STREAM_LARGE;
    size_t size = wanted(stream);
    *ret_head = tagged_head_decode(stream->bytes + stream->start);
    *ret_bytes = stream->bytes + stream->start + TAGGED_HEAD_BYTES;
    stream->start += size;
    return STREAM_RESULT;
}
