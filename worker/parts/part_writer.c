/* SPDX-License-Identifier: MIT */
/* Orders and answers are structs on a socket that keeps their borders: both ends are
 * the same program. */
#include "worker/parts/part_writer.h"

#include "common/helper/helper_process.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xxhash.h>

enum { STOP_MS = 1000 /* a helper that waits for a disk longer is left to init */ };

struct order {
    uint64_t ticket;
    char run[ID_TEXT_SIZE];
    char name[PART_NAME_MAX];
    uint64_t offset, bytes;
};

struct answer {
    uint64_t ticket;
    uint64_t hash;
    int error;
};

struct waiting {
    struct order order;
    int fd;
    struct waiting *next;
};

struct part_writer {
    struct helper_process helpers[PART_HELPERS_MAX];
    uint64_t busy[PART_HELPERS_MAX]; /* the ticket that each has; 0: none */
    uint32_t count;
    struct waiting *first, **end;
};

union passed {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

/* ---- in a helper ---- */

/* False: the program is gone. *ret_fd: -1: none came. */
static bool receive(int socket, struct order *order, int *ret_fd)
{
    struct iovec vector = {.iov_base = order, .iov_len = sizeof *order};
    union passed passed;
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &passed,
                             .msg_controllen = sizeof passed};
    ssize_t size;
    do
        size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    *ret_fd = -1;
    if (size == sizeof *order && head && head->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(head), sizeof *ret_fd);
    return size == sizeof *order;
}

static int write_mapped(int directory, const struct order *order, int fd,
                        uint64_t *ret_hash)
{
    size_t size = order->offset + order->bytes;
    uint8_t *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    struct slice bytes = {memory + order->offset, order->bytes};
    *ret_hash = XXH64(bytes.data, bytes.size, 0);
    int result = part_write(directory, order->name, bytes);
    munmap(memory, size);
    return result;
}

static struct answer carry_out(int parts, const struct order *order, int fd)
{
    struct answer answer = {.ticket = order->ticket, .error = -EBADF};
    int directory = openat(parts, order->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        answer.error = -errno;
    else if (fd >= 0)
        answer.error = write_mapped(directory, order, fd, &answer.hash);
    fd_close(&directory);
    return answer;
}

static void live(int socket, int parts, void *context)
{
    struct order order;
    int fd;
    (void)context;
    while (receive(socket, &order, &fd)) {
        struct answer answer;
        memset(&answer, 0, sizeof answer);
        answer = carry_out(parts, &order, fd);
        fd_close(&fd);
        if (helper_send(socket, &answer, sizeof answer, 0) < 0)
            return;
    }
}

/* ---- in the worker ---- */

int part_writer_start(const char *directory, uint32_t helpers,
                      struct part_writer **ret_writer)
{
    struct part_writer *writer = allocate_zeroed(1, sizeof *writer);
    writer->end = &writer->first;
    int parts = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
    if (parts < 0)
        result = -errno;
    const struct helper_task task = {
        .name = "fanfold-parts", .work = live, .kept = parts};
    while (result == 0 && writer->count < PART_HELPERS_MAX && writer->count < helpers) {
        result = helper_process_start(&task, &writer->helpers[writer->count]);
        writer->count += result == 0;
    }
    fd_close(&parts);
    if (result < 0)
        part_writer_stop(&writer);
    else
        *ret_writer = writer;
    return result;
}

void part_writer_stop(struct part_writer **writer_p)
{
    struct part_writer *writer = *writer_p;
    if (!writer)
        return;
    for (struct waiting *next; writer->first; writer->first = next) {
        next = writer->first->next;
        fd_close(&writer->first->fd);
        free(writer->first);
    }
    for (uint32_t i = 0; i < writer->count; i++)
        helper_process_stop(&writer->helpers[i], STOP_MS);
    free(writer);
    *writer_p = NULL;
}

static int send_order(int socket, const struct waiting *waiting)
{
    struct iovec vector = {.iov_base = (void *)&waiting->order,
                           .iov_len = sizeof waiting->order};
    union passed passed = {.bytes = {0}};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &passed,
                             .msg_controllen = sizeof passed};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof waiting->fd);
    memcpy(CMSG_DATA(head), &waiting->fd, sizeof waiting->fd);
    return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void give(struct part_writer *writer, uint32_t helper)
{
    struct waiting *waiting = writer->first;
    writer->first = waiting->next;
    if (!writer->first)
        writer->end = &writer->first;
    /* One that is gone is found so where its answer is awaited. */
    writer->busy[helper] = waiting->order.ticket;
    send_order(writer->helpers[helper].socket, waiting);
    fd_close(&waiting->fd);
    free(waiting);
}

static void give_all(struct part_writer *writer)
{
    for (uint32_t i = 0; i < writer->count && writer->first; i++)
        if (!writer->busy[i] && writer->helpers[i].pid)
            give(writer, i);
}

void part_writer_write(struct part_writer *writer, uint64_t ticket,
                       const struct id *run, const char *name, int fd, uint64_t offset,
                       uint64_t bytes)
{
    struct waiting *waiting = allocate_zeroed(1, sizeof *waiting);
    waiting->order.ticket = ticket;
    waiting->order.offset = offset;
    waiting->order.bytes = bytes;
    id_text(run, waiting->order.run);
    strcpy(waiting->order.name, name);
    waiting->fd = fd;
    *writer->end = waiting;
    writer->end = &waiting->next;
    give_all(writer);
}

/* Nobody is left who could write it. */
static bool take_hopeless(struct part_writer *writer, uint64_t *ret_ticket)
{
    for (uint32_t i = 0; i < writer->count; i++)
        if (writer->helpers[i].pid)
            return false;
    struct waiting *waiting = writer->first;
    if (!waiting)
        return false;
    *ret_ticket = waiting->order.ticket;
    writer->first = waiting->next;
    if (!writer->first)
        writer->end = &writer->first;
    fd_close(&waiting->fd);
    free(waiting);
    return true;
}

bool part_writer_take(struct part_writer *writer, uint64_t *ret_ticket, int *ret_error,
                      uint64_t *ret_hash)
{
    for (uint32_t i = 0; i < writer->count; i++) {
        struct answer answer;
        if (!writer->busy[i] || !writer->helpers[i].pid)
            continue;
        ssize_t size = helper_receive(writer->helpers[i].socket, &answer, sizeof answer,
                                      MSG_DONTWAIT);
        if (size == -EAGAIN)
            continue;
        bool answered = size == sizeof answer;
        *ret_ticket = writer->busy[i];
        *ret_error = answered ? answer.error : -EPIPE;
        *ret_hash = answered ? answer.hash : 0;
        writer->busy[i] = 0;
        if (!answered)
            helper_process_stop(&writer->helpers[i], 0);
        give_all(writer);
        return true;
    }
    *ret_error = -EPIPE;
    return take_hopeless(writer, ret_ticket);
}

uint32_t part_writer_poll(const struct part_writer *writer, zmq_pollitem_t *items)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < writer->count; i++)
        if (writer->busy[i] && writer->helpers[i].pid)
            items[count++] =
                (zmq_pollitem_t){.fd = writer->helpers[i].socket, .events = ZMQ_POLLIN};
    return count;
}
