/* SPDX-License-Identifier: MIT */
#include "common/net/monitor_pair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

zsock_t *monitor_pair_open(zsock_t *watched, int events)
{
    static unsigned count;
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://monitor-%u", count++);
    if (zmq_socket_monitor(zsock_resolve(watched), endpoint, events) < 0)
        return NULL;
    zsock_t *pair = zsock_new(ZMQ_PAIR);
    if (pair) /* unbounded: libzmq's I/O thread would block on a full pipe */
        zsock_set_rcvhwm(pair, 0);
    if (!pair || zmq_connect(zsock_resolve(pair), endpoint) < 0)
        monitor_pair_close(watched, &pair);
    return pair;
}

void monitor_pair_close(zsock_t *watched, zsock_t **pair_p)
{
    int saved_errno = errno;
    zmq_socket_monitor(zsock_resolve(watched), NULL, 0);
    zsock_destroy(pair_p);
    errno = saved_errno;
}

/* A signal interrupts libzmq even in a call that does not wait. */
static int receive(zsock_t *pair, void *bytes, size_t size)
{
    int got;
    do
        got = zmq_recv(zsock_resolve(pair), bytes, size, ZMQ_DONTWAIT);
    while (got < 0 && errno == EINTR);
    return got;
}

/* The first frame is the event's number, in 16 bits, and a value, in 32; the second an
 * address. */
bool monitor_pair_next(zsock_t *pair, struct monitor_event *ret_event)
{
    uint8_t head[sizeof ret_event->number + sizeof ret_event->value];
    size_t most = sizeof ret_event->address - 1;
    if (receive(pair, head, sizeof head) != (int)sizeof head)
        return false;
    int got = receive(pair, ret_event->address, most);
    ret_event->address[got < 0 ? 0 : (size_t)got < most ? (size_t)got : most] = '\0';
    memcpy(&ret_event->number, head, sizeof ret_event->number);
    memcpy(&ret_event->value, head + sizeof ret_event->number, sizeof ret_event->value);
    return true;
}
