/* SPDX-License-Identifier: MIT */
#include "sink/messages/kept_connections.h"

#include "common/memory.h"
#include "common/process/fds.h"
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { LOOK_NS = 10000000 };

struct kept_connection {
    int theirs; /* libzmq's descriptor */
    int own;    /* -1: not kept yet, or no socket any more */
};

static void drop(struct kept_connections *kept, size_t at)
{
    fd_close(&kept->all[at].own);
    kept->all[at] = kept->all[--kept->count];
}

void kept_connections_deinit(struct kept_connections *kept)
{
    while (kept->count > 0)
        drop(kept, 0);
    if (kept->keeps)
        fd_close(&kept->timer);
    free(kept->all);
    *kept = (struct kept_connections){.all = NULL};
}

static void keep(struct kept_connection *connection)
{
    connection->own = fcntl(connection->theirs, F_DUPFD_CLOEXEC, 0);
}

void kept_connections_opened(struct kept_connections *kept, int fd)
{
    kept->all =
        room_for_one_more(kept->all, kept->count, &kept->capacity, sizeof *kept->all);
    struct kept_connection *connection = &kept->all[kept->count++];
    *connection = (struct kept_connection){.theirs = fd, .own = -1};
    if (kept->keeps)
        keep(connection);
}

void kept_connections_closed(struct kept_connections *kept, int fd)
{
    for (size_t i = 0; i < kept->count; i++)
        if (kept->all[i].theirs == fd) {
            drop(kept, i);
            return;
        }
}

void kept_connections_keep(struct kept_connections *kept)
{
    const struct itimerspec often = {{0, LOOK_NS}, {0, LOOK_NS}};
    if (kept->keeps)
        return;
    kept->keeps = true;
    kept->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (kept->timer >= 0)
        timerfd_settime(kept->timer, 0, &often, NULL);
    for (size_t i = 0; i < kept->count; i++)
        keep(&kept->all[i]);
}

/* Or nobody is there any more who could read it. */
static bool is_read(int fd)
{
    struct pollfd item = {.fd = fd};
    int unread = 0;
    if (fd < 0 || ioctl(fd, SIOCOUTQ, &unread) < 0 || unread == 0)
        return true;
    return poll(&item, 1, 0) > 0 && (item.revents & (POLLERR | POLLHUP)) != 0;
}

bool kept_connections_all_read(struct kept_connections *kept)
{
    uint64_t ticks;
    if (kept->keeps && kept->timer >= 0)
        (void)!read(kept->timer, &ticks, sizeof ticks);
    for (size_t i = kept->count; i-- > 0;)
        if (is_read(kept->all[i].own))
            drop(kept, i);
    return kept->count == 0;
}

int kept_connections_descriptor(const struct kept_connections *kept)
{
    return kept->keeps ? kept->timer : -1;
}
