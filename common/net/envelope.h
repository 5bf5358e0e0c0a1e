/* SPDX-License-Identifier: MIT */
/*
 * One message on its way through a socket: frame 0, which the codec reads, and the
 * payload, which nothing copies. No call blocks.
 */
#ifndef FANFOLD_COMMON_NET_ENVELOPE_H
#define FANFOLD_COMMON_NET_ENVELOPE_H

#include "common/slice.h"
#include <czmq.h>

/*
 * A message that was received: frame 0 and, where `frames` is 2, the payload. A message
 * of more frames is read to its end, and `frames` counts them all. The envelope owns
 * both, until the next message is received into it or it is deinit.
 */
struct envelope {
    uint32_t peer;   /* of a ROUTER: the sender; else 0 */
    unsigned frames; /* without the routing id */
    zmq_msg_t header;
    zmq_msg_t payload; /* empty: there is none; zmq_msg_move may move it out */
};
void envelope_init(struct envelope *envelope);
void envelope_deinit(struct envelope *envelope);

/* The process at the other end of an ipc connection, by the number that it has here; 0:
 * it has none, or the message came another way. */
pid_t envelope_process(const struct envelope *envelope);

/* 1: a message; 0: there is none now; -errno. Messages of a peer that chose its own
 * routing id are read and dropped on the way. */
int envelope_receive_router(zsock_t *router, struct envelope *envelope);
int envelope_receive(zsock_t *socket, struct envelope *envelope);

/*
 * Sends the header's bytes (copied) and the payload (taken: on success *payload is
 * empty; NULL: none). 0; -EHOSTUNREACH: the peer is gone (ROUTER only); -EAGAIN: there
 * is no connection (PUSH only); other -errno. On failure the caller still owns the
 * payload.
 */
int envelope_send_to(zsock_t *router, uint32_t peer, struct slice header,
                     zmq_msg_t *payload);
int envelope_send(zsock_t *socket, struct slice header, zmq_msg_t *payload);

#endif
