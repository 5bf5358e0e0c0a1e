/* SPDX-License-Identifier: MIT */
/*
 * A libzmq socket monitor tells whether a socket is connected; only changes are
 * reported. Where it starts after the connect, a connection may exist already: a PUSH
 * with ZMQ_IMMEDIATE is then writable, since libzmq makes it so before it reports the
 * handshake.
 */
#include "common/net/connection_monitor.h"

#include "common/memory.h"
#include "common/net/monitor_pair.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct connection_monitor {
    zsock_t *watched; /* not ours */
    zsock_t *events;
    bool open;
    enum connection_trouble trouble;
    bool was_open_at_start; /* not reported yet */
    int fd;                 /* of `events`; -1: nobody polls it */
    bool drained;           /* since it was polled last; valid where there is an fd */
};

enum {
    WATCHED_EVENTS = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_DELAYED |
                     ZMQ_EVENT_CLOSED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_DISCONNECTED
};

static bool is_writable(zsock_t *socket)
{
    int events = 0;
    size_t size = sizeof events;
    int rc = zmq_getsockopt(zsock_resolve(socket), ZMQ_EVENTS, &events, &size);
    return rc == 0 && (events & ZMQ_POLLOUT) != 0;
}

struct connection_monitor *connection_monitor_new(zsock_t *socket)
{
    zsock_t *events = monitor_pair_open(socket, WATCHED_EVENTS);
    if (!events)
        return NULL;
    struct connection_monitor *monitor = allocate_zeroed(1, sizeof *monitor);
    monitor->watched = socket;
    monitor->events = events;
    monitor->was_open_at_start = is_writable(socket);
    monitor->fd = -1;
    return monitor;
}

void connection_monitor_destroy(struct connection_monitor **monitor_p)
{
    struct connection_monitor *monitor = *monitor_p;
    if (!monitor)
        return;
    monitor_pair_close(monitor->watched, &monitor->events);
    free(monitor);
    *monitor_p = NULL;
}

zsock_t *connection_monitor_socket(struct connection_monitor *monitor)
{
    return monitor->events;
}

/* libzmq's descriptor tells of a change, and not of a state: it is enough here, where
 * nothing else is done with the socket than to read all that it has. */
zmq_pollitem_t connection_monitor_item(struct connection_monitor *monitor)
{
    if (monitor && monitor->fd < 0)
        monitor->fd = zsock_fd(monitor->events);
    return (zmq_pollitem_t){.fd = monitor ? monitor->fd : -1, .events = ZMQ_POLLIN};
}

void connection_monitor_wake(struct connection_monitor *monitor)
{
    monitor->drained = false;
}

/* A send looks only once a millisecond at what has become of the connections: it would
 * give a message to the one before, if that has gone just now, and it would be lost. */
static void look_at_connections(zsock_t *socket)
{
    (void)is_writable(socket);
}

static enum connection_event change_state(struct connection_monitor *monitor, bool open)
{
    if (open)
        look_at_connections(monitor->watched);
    if (monitor->open == open)
        return CONNECTION_NONE;
    monitor->open = open;
    return open ? CONNECTION_OPEN : CONNECTION_SHUT;
}

static enum connection_event fail(struct connection_monitor *monitor,
                                  enum connection_trouble trouble)
{
    monitor->trouble = trouble;
    return CONNECTION_FAILED;
}

static enum connection_event on_disconnected(struct connection_monitor *monitor)
{
    if (monitor->open)
        return change_state(monitor, false);
    /* Where the handshake has failed, this only follows. */
    return monitor->trouble == TROUBLE_MUTE ? fail(monitor, TROUBLE_NO_SERVICE)
                                            : CONNECTION_NONE;
}

/* A new attempt does not end what the last one came to. */
static void on_attempt(struct connection_monitor *monitor,
                       enum connection_trouble trouble)
{
    if (monitor->trouble < trouble)
        monitor->trouble = trouble;
}

static enum connection_event on_event(struct connection_monitor *monitor,
                                      const struct monitor_event *event)
{
    switch (event->number) {
    case ZMQ_EVENT_CONNECT_DELAYED:
        on_attempt(monitor, TROUBLE_PENDING);
        return CONNECTION_NONE;
    case ZMQ_EVENT_CONNECTED:
        on_attempt(monitor, TROUBLE_MUTE);
        return CONNECTION_NONE;
    case ZMQ_EVENT_CLOSED:
        return fail(monitor, TROUBLE_UNREACHED);
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        monitor->trouble = TROUBLE_NONE;
        return change_state(monitor, true);
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return fail(monitor, TROUBLE_KEY);
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return fail(monitor, event->value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
                                 ? TROUBLE_MECHANISM
                                 : TROUBLE_BROKEN);
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        return fail(monitor, TROUBLE_BROKEN);
    case ZMQ_EVENT_DISCONNECTED:
        return on_disconnected(monitor);
    default:
        return CONNECTION_NONE;
    }
}

enum connection_trouble
connection_monitor_trouble(const struct connection_monitor *monitor)
{
    return monitor->trouble;
}

enum connection_event connection_monitor_next(struct connection_monitor *monitor)
{
    enum connection_event event = CONNECTION_NONE;
    if (monitor->was_open_at_start) {
        monitor->was_open_at_start = false;
        event = change_state(monitor, true);
    }
    struct monitor_event seen;
    while (event == CONNECTION_NONE && !monitor->drained &&
           monitor_pair_next(monitor->events, &seen))
        event = on_event(monitor, &seen);
    monitor->drained = event == CONNECTION_NONE && monitor->fd >= 0;
    return event;
}
