/* SPDX-License-Identifier: MIT */
/* Tells whether a socket is connected, and what keeps it from that. */
#ifndef FANFOLD_COMMON_NET_CONNECTION_MONITOR_H
#define FANFOLD_COMMON_NET_CONNECTION_MONITOR_H

#include <czmq.h>

/* A monitor begins as shut; if a connection exists already, it is the first event.
 * Destroy the monitor before its socket. NULL with errno: no descriptors are left. */
struct connection_monitor;
enum connection_event {
    CONNECTION_NONE,
    CONNECTION_OPEN,
    CONNECTION_SHUT,
    CONNECTION_FAILED, /* before it was open; libzmq may not try again */
};

/* X(NAME): what keeps a connection from coming about. */
#define CONNECTION_TROUBLES(X)                                                    \
    X(NONE)       /* it is open, or nothing is known yet */                       \
    X(PENDING)    /* the peer's host does not answer yet */                       \
    X(UNREACHED)  /* nobody listens there, or no route leads there */             \
    X(MUTE)       /* somebody takes the connection, and says nothing yet */       \
    X(NO_SERVICE) /* somebody closes it, and speaks no ZMTP */                    \
    X(BROKEN)     /* the peer ends the handshake: our idea of its key is wrong */ \
    X(KEY)        /* the peer does not let our key in */                          \
    X(MECHANISM)  /* one of the two has keys, and the other has none */

enum connection_trouble {
#define X(name) TROUBLE_##name,
    CONNECTION_TROUBLES(X)
#undef X
};
struct connection_monitor *connection_monitor_new(zsock_t *socket);
void connection_monitor_destroy(struct connection_monitor **monitor_p);
/* Poll it for input. Call connection_monitor_next once before the first poll, and after
 * each until it returns CONNECTION_NONE. */
zsock_t *connection_monitor_socket(struct connection_monitor *monitor);
/*
 * Or poll this item, as a loop does that turns a hundred thousand times a second: from
 * then on connection_monitor_next asks the system only after connection_monitor_wake,
 * which is to be called where the item has events. Without a monitor it never has.
 */
zmq_pollitem_t connection_monitor_item(struct connection_monitor *monitor);
void connection_monitor_wake(struct connection_monitor *monitor);
/* What the last connection, or attempt at one, came to. */
enum connection_trouble
connection_monitor_trouble(const struct connection_monitor *monitor);
/* The next event; CONNECTION_NONE: there is none now. */
enum connection_event connection_monitor_next(struct connection_monitor *monitor);

#endif
