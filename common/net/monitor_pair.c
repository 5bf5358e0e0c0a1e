/* SPDX-License-Identifier: MIT */
#include "common/net/monitor_pair.h"

#include <stdio.h>

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
