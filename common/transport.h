/* SPDX-License-Identifier: MIT */
/*
 * The sockets of FANFOLD/1, made the one right way: high-water marks off (nothing is
 * ever sent that the other side has no room for), linger bounded, frames bounded where
 * a stranger may write, TCP keepalive, growing reconnects. All sends and receives are
 * non-blocking.
 *
 * Messages are one frame, or two where a payload follows. The payload travels as
 * zmq_msg_t and is never copied here.
 */
#ifndef FANFOLD_COMMON_TRANSPORT_H
#define FANFOLD_COMMON_TRANSPORT_H

#include "common/message.h"
#include <czmq.h>

/* Once a process, before the first socket and after every fork without exec: CZMQ's log
 * to stderr, its signal handling off, SIGPIPE ignored, RLIMIT_NOFILE raised. */
void transport_init(void);
/* After the last socket is destroyed. */
void transport_deinit(void);

/* Each returns NULL with errno set and, for a bad or taken endpoint, EADDRINUSE, EINVAL
 * and the like. `frame_max`: bytes of the largest frame that a peer may send; -1: no
 * limit. */
zsock_t *transport_bind_router(const char *endpoint,
                               int64_t frame_max); /* the ventilator's */
zsock_t *transport_bind_pull(const char *endpoint, int64_t frame_max); /* the sink's */
/* Why it could not be bound, for a person. */
const char *transport_bind_text(int error);
zsock_t *transport_connect_dealer(const char *endpoint);
/* PUSH with ZMQ_IMMEDIATE: what is queued for a connection that breaks is dropped, not
 * kept for the next one. */
zsock_t *transport_connect_push(const char *endpoint);

/* Closes what was bound, and removes its ipc path, which libzmq leaves behind;
 * *socket_p may be NULL. The path may have become another's that bound it meanwhile: a
 * lock keeps them apart (common/place.h). */
void transport_close_bound(zsock_t **socket_p);

/* The endpoint that a bound socket really has ("tcp://127.0.0.1:41234" for a port *);
 * static until the next call. */
const char *transport_endpoint(zsock_t *socket);

/*
 * What came in: frame 0 and, if there is one, the payload. `has_payload` says so; more
 * than two frames are read to their end and make `frames` > 2. Owner of both: the
 * envelope, until it is received into again or deinit.
 */
struct envelope {
    uint32_t peer;   /* of a ROUTER: the sender; else 0 */
    unsigned frames; /* without the routing id */
    zmq_msg_t header;
    zmq_msg_t
        payload; /* empty where there is none; may be moved out with zmq_msg_move */
};
void envelope_init(struct envelope *envelope);
void envelope_deinit(struct envelope *envelope);

/* 1: a message; 0: there is none now; -errno. A message of a peer that chose its own
 * routing id is read and dropped, and 0 or the next one is returned. */
int transport_receive_router(zsock_t *router, struct envelope *envelope);
int transport_receive(zsock_t *socket, struct envelope *envelope);

/*
 * Sends the header's bytes (copied) and the payload (taken: on success *payload is
 * empty; NULL: none). 0; -EHOSTUNREACH: the peer is gone (ROUTER only); -EAGAIN: no
 * connection has room (PUSH whose way is shut); other -errno. On failure the payload is
 * still the caller's.
 */
int transport_send_to(zsock_t *router, uint32_t peer, struct slice header,
                      zmq_msg_t *payload);
int transport_send(zsock_t *socket, struct slice header, zmq_msg_t *payload);

/* Whether a PUSH made by transport_connect_push is connected: a monitor of its own. It
 * begins as shut; a connection that is there already is its first event. To be
 * destroyed before the socket. NULL with errno: no descriptors left. */
struct connection_monitor;
enum connection_event { CONNECTION_NONE, CONNECTION_OPEN, CONNECTION_SHUT };
struct connection_monitor *connection_monitor_new(zsock_t *socket);
void connection_monitor_destroy(struct connection_monitor **monitor_p);
/* To be polled for input; connection_monitor_next is called once before the first poll
 * and then until it says NONE. */
zsock_t *connection_monitor_socket(struct connection_monitor *monitor);
/* The next event, CONNECTION_NONE when there is none now. */
enum connection_event connection_monitor_next(struct connection_monitor *monitor);

/* 16 random bytes. */
struct id id_random(void);

#endif
