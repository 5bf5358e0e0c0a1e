/* SPDX-License-Identifier: MIT */
/*
 * The connections of a socket whose last messages are on their way. libzmq closes one
 * as soon as it has written all of it. A receiver by ipc:// whose queue is full when
 * the other side hangs up loses what its system still holds for it: its libzmq reads no
 * more. So each connection is kept by a second descriptor until its receiver has read
 * all of it. (By tcp:// its system has acknowledged all, which does no harm.)
 *
 * Which descriptors there are says the socket's monitor.
 */
#ifndef FANFOLD_SINK_MESSAGES_KEPT_CONNECTIONS_H
#define FANFOLD_SINK_MESSAGES_KEPT_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct kept_connection;

/* Zeroed: none. */
struct kept_connections {
    struct kept_connection *all;
    size_t count, capacity;
    bool keeps;
    int timer; /* valid when it keeps; -1: there is none */
};

void kept_connections_deinit(struct kept_connections *kept);

/* libzmq uses this descriptor for a connection, or has closed it. */
void kept_connections_opened(struct kept_connections *kept, int fd);
void kept_connections_closed(struct kept_connections *kept, int fd);
/* From now on they are kept, those that come later, too. */
void kept_connections_keep(struct kept_connections *kept);
/* Nothing that was written waits to be read; lets go of those where all is. libzmq
 * writes no more. */
bool kept_connections_all_read(struct kept_connections *kept);
/* Readable when it is time to ask again, once libzmq writes no more; -1: ask when
 * something else happens. */
int kept_connections_descriptor(const struct kept_connections *kept);

#endif
