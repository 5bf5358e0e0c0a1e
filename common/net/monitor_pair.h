/* SPDX-License-Identifier: MIT */
/* The events of a socket, as libzmq's monitor tells them. */
#ifndef FANFOLD_COMMON_NET_MONITOR_PAIR_H
#define FANFOLD_COMMON_NET_MONITOR_PAIR_H

#include <czmq.h>

enum { MONITOR_ADDRESS_SIZE = 512 };

struct monitor_event {
    uint16_t number; /* ZMQ_EVENT_… */
    uint32_t value;  /* of a connection its descriptor, of a failure the cause */
    char address[MONITOR_ADDRESS_SIZE]; /* cut to fit */
};

/* A PAIR that receives these events of the socket; NULL with errno. */
zsock_t *monitor_pair_open(zsock_t *watched, int events);
/* `watched` must still be there; *pair_p may be NULL. */
void monitor_pair_close(zsock_t *watched, zsock_t **pair_p);
/* The next event; false: there is none now. Never blocks. */
bool monitor_pair_next(zsock_t *pair, struct monitor_event *ret_event);

#endif
