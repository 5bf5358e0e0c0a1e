/* SPDX-License-Identifier: MIT */
/* Sends and receives; knows the shape of the messages, not their purpose. */
#include "worker/supervisor/spawn_link.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int spawn_link_pair(int ret_fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0)
        return -errno;
    return 0;
}

int spawn_link_send(int link, const void *data, size_t size, const int *fds,
                    unsigned count, int flags)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(SPAWN_LINK_FDS_MAX * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(link, &message, MSG_NOSIGNAL | flags);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int spawn_link_request(int link, const struct request *request, const int *fds,
                       unsigned count)
{
    return spawn_link_send(link, request, sizeof *request, fds, count, 0);
}

int spawn_link_take_request(int link, struct request *ret_request, int *ret_fds,
                            unsigned *ret_count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(SPAWN_LINK_FDS_MAX * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = ret_request, .iov_len = sizeof *ret_request};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    *ret_count = 0;
    ssize_t got = recvmsg(link, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -EPIPE;
    if (got != (ssize_t)sizeof *ret_request)
        return -EPIPE;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS) {
        size_t bytes = header->cmsg_len - CMSG_LEN(0);
        memcpy(ret_fds, CMSG_DATA(header), bytes);
        *ret_count = (unsigned)(bytes / sizeof(int));
    }
    if (message.msg_flags & MSG_CTRUNC)
        while (*ret_count > 0)
            close(ret_fds[--*ret_count]);
    return 1;
}

int spawn_link_report(int link, const struct report *report)
{
    size_t size = offsetof(struct report, text) + strlen(report->text) + 1;
    ssize_t sent;
    do
        sent = send(link, report, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int spawn_link_take_report(int link, struct report *ret_report, int wait)
{
    ssize_t got;
    do
        got = recv(link, ret_report, sizeof *ret_report, wait ? 0 : MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? 0 : -EPIPE;
    if (got <= (ssize_t)offsetof(struct report, text))
        return -EPIPE;
    ret_report->text[SPAWN_LINK_TEXT_MAX - 1] = '\0';
    return 1;
}
