/* SPDX-License-Identifier: MIT */
/*
 * Tells whom a bound socket with keys turns away before zap.h is asked: a peer without
 * a key, or one whose key was made for another server. By a monitor of the socket,
 * which numbers its connections by their descriptors.
 */
#ifndef FANFOLD_COMMON_NET_HANDSHAKE_WATCH_H
#define FANFOLD_COMMON_NET_HANDSHAKE_WATCH_H

#include <czmq.h>

struct handshake_watch;

/* NULL with errno. Destroy it before the socket. */
struct handshake_watch *handshake_watch_new(zsock_t *bound);
void handshake_watch_destroy(struct handshake_watch **watch_p);
/* Poll it for input. */
zsock_t *handshake_watch_socket(const struct handshake_watch *watch);

enum { HANDSHAKE_ADDRESS_MAX = 64 };

/* The next peer that was turned away, and why; NULL: there is none now. The address is
 * "?" where the peer was gone before anybody could ask for it. */
const char *handshake_watch_next(struct handshake_watch *watch,
                                 char address[HANDSHAKE_ADDRESS_MAX]);

#endif
