/* SPDX-License-Identifier: MIT */
/* The events of a socket, as libzmq's monitor tells them. */
#ifndef FANFOLD_COMMON_NET_MONITOR_PAIR_H
#define FANFOLD_COMMON_NET_MONITOR_PAIR_H

#include <czmq.h>

/* A PAIR that receives these events of the socket; NULL with errno. */
zsock_t *monitor_pair_open(zsock_t *watched, int events);
/* `watched` must still be there; *pair_p may be NULL. */
void monitor_pair_close(zsock_t *watched, zsock_t **pair_p);

#endif
