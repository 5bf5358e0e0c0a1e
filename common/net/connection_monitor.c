/* SPDX-License-Identifier: MIT */
/*
 * A libzmq socket monitor tells whether a PUSH is connected; only changes are reported.
 * The monitor starts after the connect, so a connection may exist already. The PUSH is
 * then writable: with ZMQ_IMMEDIATE it is writable only while it is connected, and
 * libzmq makes it so before it reports the handshake. So no connection is missed.
 */
#include "common/net/connection_monitor.h"

#include "common/memory.h"
#include "common/net/envelope.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct connection_monitor {
    zsock_t *watched; /* not ours */
    zsock_t *events;
    bool open;
    bool was_open_at_start; /* not reported yet */
};

enum { WATCHED_EVENTS = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED };

static zsock_t *connect_events(const char *endpoint)
{
    zsock_t *events = zsock_new(ZMQ_PAIR);
    if (!events)
        return NULL;
    /* Unbounded: libzmq's I/O thread would block on a full pipe. */
    zsock_set_rcvhwm(events, 0);
    if (zmq_connect(zsock_resolve(events), endpoint) < 0)
        zsock_destroy(&events);
    return events;
}

static bool is_writable(zsock_t *socket)
{
    int events = 0;
    size_t size = sizeof events;
    int rc = zmq_getsockopt(zsock_resolve(socket), ZMQ_EVENTS, &events, &size);
    return rc == 0 && (events & ZMQ_POLLOUT) != 0;
}

struct connection_monitor *connection_monitor_new(zsock_t *socket)
{
    static unsigned count;
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://connection-monitor-%u", count++);
    if (zmq_socket_monitor(zsock_resolve(socket), endpoint, WATCHED_EVENTS) < 0)
        return NULL;
    struct connection_monitor *monitor = allocate_zeroed(1, sizeof *monitor);
    monitor->watched = socket;
    monitor->events = connect_events(endpoint);
    if (!monitor->events)
        connection_monitor_destroy(&monitor);
    else
        monitor->was_open_at_start = is_writable(socket);
    return monitor;
}

void connection_monitor_destroy(struct connection_monitor **monitor_p)
{
    struct connection_monitor *monitor = *monitor_p;
    if (!monitor)
        return;
    zmq_socket_monitor(zsock_resolve(monitor->watched), NULL, 0);
    zsock_destroy(&monitor->events);
    free(monitor);
    *monitor_p = NULL;
}

zsock_t *connection_monitor_socket(struct connection_monitor *monitor)
{
    return monitor->events;
}

static enum connection_event change_state(struct connection_monitor *monitor, bool open)
{
    if (monitor->open == open)
        return CONNECTION_NONE;
    monitor->open = open;
    return open ? CONNECTION_OPEN : CONNECTION_SHUT;
}

/* Frame 0 is the event's number, in 16 bits, and a value; frame 1 is an address. */
static enum connection_event read_event(struct connection_monitor *monitor,
                                        zmq_msg_t *frame)
{
    uint16_t number = 0;
    if (zmq_msg_size(frame) >= sizeof number)
        memcpy(&number, zmq_msg_data(frame), sizeof number);
    if (number == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
        return change_state(monitor, true);
    if (number == ZMQ_EVENT_DISCONNECTED)
        return change_state(monitor, false);
    return CONNECTION_NONE;
}

enum connection_event connection_monitor_next(struct connection_monitor *monitor)
{
    enum connection_event event = CONNECTION_NONE;
    if (monitor->was_open_at_start) {
        monitor->was_open_at_start = false;
        event = change_state(monitor, true);
    }
    struct envelope envelope;
    envelope_init(&envelope);
    while (event == CONNECTION_NONE && envelope_receive(monitor->events, &envelope) > 0)
        event = read_event(monitor, &envelope.header);
    envelope_deinit(&envelope);
    return event;
}
