/* SPDX-License-Identifier: MIT */
/* MSG_DONTWAIT and MSG_NOSIGNAL leave the socket's flags and the caller's SIGPIPE as
 * they are. */
#include "deploy/lib/record_queue.h"
#include "deploy/lib/tagged.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL };

void record_queue_deinit(struct record_queue *queue)
{
    free(queue->bytes);
    *queue = (struct record_queue){.bytes = NULL};
}

bool record_queue_waits(const struct record_queue *queue)
{
    return queue->end > queue->start;
}

/* Gives back what a large record took. */
static void settle(struct record_queue *queue)
{
    queue->start = queue->end = 0;
    if (queue->capacity > QUEUE_BYTES)
        record_queue_deinit(queue);
}

static bool make_room(struct record_queue *queue, size_t size)
{
    if (queue->start > 0) {
        memmove(queue->bytes, queue->bytes + queue->start, queue->end - queue->start);
        queue->end -= queue->start;
        queue->start = 0;
    }
    if (queue->end + size <= queue->capacity)
        return true;
    size_t capacity = queue->end + size < QUEUE_BYTES ? QUEUE_BYTES : queue->end + size;
    unsigned char *bytes = realloc(queue->bytes, capacity);
    if (bytes) {
        queue->bytes = bytes;
        queue->capacity = capacity;
    }
    return bytes != NULL;
}

/* What is behind the first `skip` bytes. The room is there. */
static void append(struct record_queue *queue, const struct iovec *parts, int count,
                   size_t skip)
{
    for (int i = 0; i < count; i++) {
        size_t from = skip < parts[i].iov_len ? skip : parts[i].iov_len;
        size_t size = parts[i].iov_len - from;
        skip -= from;
        if (size > 0)
            memcpy(queue->bytes + queue->end, (char *)parts[i].iov_base + from, size);
        queue->end += size;
    }
}

/* How many bytes it took; -errno. */
static ssize_t send_parts(int socket, struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, SEND_FLAGS);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    return sent;
}

int record_queue_flush(struct record_queue *queue, int socket)
{
    while (record_queue_waits(queue)) {
        struct iovec part = {queue->bytes + queue->start, queue->end - queue->start};
        ssize_t sent = send_parts(socket, &part, 1);
        if (sent <= 0)
            return (int)sent;
        queue->start += (size_t)sent;
    }
    settle(queue);
    return 0;
}

/* A record that the queue does not collect: it goes into the socket from where it is.
 * Memory for all of it comes first, because a record must not be cut. */
static int push_large(struct record_queue *queue, int socket, struct iovec *parts,
                      int count, size_t size)
{
    if (!make_room(queue, size))
        return -ENOMEM;
    ssize_t sent = send_parts(socket, parts, count);
    if (sent < 0)
        return (int)sent;
    append(queue, parts, count, (size_t)sent);
    if (!record_queue_waits(queue))
        settle(queue);
    return 1;
}

int record_queue_push(struct record_queue *queue, int socket, const struct iovec *parts,
                      int count, size_t size)
{
    unsigned char head[FRAME_HEAD_BYTES];
    struct iovec all[QUEUE_PARTS + 1] = {{head, sizeof head}};
    size_t waiting = queue->end - queue->start, whole = size + sizeof head;
    frame_head_encode((uint32_t)size, head);
    if (count > 0)
        memcpy(all + 1, parts, (size_t)count * sizeof *parts);
    if (waiting + whole > QUEUE_BYTES) {
        int rc = record_queue_flush(queue, socket);
        if (rc < 0)
            return rc;
        waiting = queue->end - queue->start;
    }
    if (waiting + whole <= QUEUE_BYTES) {
        if (!make_room(queue, whole))
            return -ENOMEM;
        append(queue, all, count + 1, 0);
        return 1;
    }
    return waiting > 0 ? 0 : push_large(queue, socket, all, count + 1, whole);
}
