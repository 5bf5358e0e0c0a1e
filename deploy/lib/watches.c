/* SPDX-License-Identifier: MIT */
#include "deploy/lib/watches.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int watches_open(struct watches *watches)
{
    struct watch event = {-1};
    *watches = (struct watches){epoll_create1(EPOLL_CLOEXEC), -1, false};
    if (watches->fd < 0)
        return -errno;
    watches->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (watches->event_fd < 0)
        return -errno;
    return watches_add(watches, &event, watches->event_fd, false);
}

void watches_close(struct watches *watches)
{
    if (watches->fd >= 0)
        close(watches->fd);
    if (watches->event_fd >= 0)
        close(watches->event_fd);
    *watches = (struct watches){-1, -1, false};
}

int watches_add(struct watches *watches, struct watch *watch, int fd, bool for_writing)
{
    struct epoll_event event = {.events = for_writing ? EPOLLOUT : EPOLLIN};
    if (watch->fd >= 0)
        return 0;
    if (epoll_ctl(watches->fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    watch->fd = fd;
    return 0;
}

void watches_remove(struct watches *watches, struct watch *watch)
{
    if (watch->fd >= 0)
        epoll_ctl(watches->fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->fd = -1;
}

bool watch_stands(const struct watch *watch)
{
    return watch->fd >= 0;
}

void watches_set_event(struct watches *watches, bool set)
{
    eventfd_t value;
    if (watches->event_set == set)
        return;
    watches->event_set = set;
    if (set)
        eventfd_write(watches->event_fd, 1);
    else
        eventfd_read(watches->event_fd, &value);
}
