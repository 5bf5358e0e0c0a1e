/* SPDX-License-Identifier: MIT */
/*
 * Makes the sockets of the protocol, all in one way: high-water marks off (a sender
 * never sends more than the other side has room for), linger bounded, frames bounded
 * where a stranger may write, TCP keepalive, growing pauses between reconnects. No send
 * or receive blocks.
 *
 * A message is one frame, or two with a payload. The payload is a zmq_msg_t, and is
 * never copied here.
 */
#ifndef FANFOLD_COMMON_NET_TRANSPORT_H
#define FANFOLD_COMMON_NET_TRANSPORT_H

#include "common/keys/certificate.h"
#include "common/net/connection_monitor.h"
#include "common/net/message_end.h"
#include "common/ports.h"
#include "common/protocol/message.h"
#include <czmq.h>

/* Call it once in a process, before the first socket and after every fork without exec:
 * CZMQ logs to stderr and leaves signals alone, SIGPIPE is ignored, RLIMIT_NOFILE is
 * raised. 0, or -errno with a sentence for a person in `error`: ZeroMQ cannot start. */
int transport_init(char *error, size_t error_size);
/* After the last socket is destroyed. */
void transport_deinit(void);
/* Nobody waits any longer for what closed sockets still have to send: transport_deinit
 * does nothing, and the process ends as soon as it exits. */
void transport_abandon(void);

/*
 * The keys of a tcp socket, in Z85, borrowed for the call; NULL where one is expected:
 * the link is open to all, which is what --insecure means. A socket of another kind
 * takes no notice of them: an ipc path is private by its directory.
 */
struct curve {
    const char *public_key; /* our own pair */
    const char *secret_key;
    const char *server_key; /* of whom it connects to; NULL: it is bound */
    const char *domain;     /* of a bound socket, for zap.h; NULL: it connects */
};

/* Each of these four returns NULL with errno: EADDRINUSE, EINVAL and the like for a
 * taken or bad endpoint; EPROTO: this libzmq does not keep strangers out. `frame_max`:
 * bytes of the largest frame that a peer may send; -1: no limit. The ventilator binds a
 * ROUTER, the sink a PULL. */
zsock_t *transport_bind_router(const char *endpoint, int64_t frame_max,
                               const struct curve *curve);
zsock_t *transport_bind_pull(const char *endpoint, int64_t frame_max,
                             const struct curve *curve);
/* From which ports a "*" in the endpoints that are bound from now on is chosen. */
void transport_choose_ports(struct port_range ports);
/* Binds a bound socket to another endpoint, too. 0 or -errno. An ipc endpoint comes
 * last: transport_close_bound removes the path of the last one alone. */
int transport_bind_also(zsock_t *socket, const char *endpoint,
                        const struct curve *curve);
/* Tells a person why the bind failed with this errno. */
const char *transport_bind_text(int error);
/* The exit status that goes with it. */
int transport_bind_status(int error);
/* *ret_monitor, unless it is NULL, becomes one that watches from before the connect; it
 * is to be destroyed before the socket. */
zsock_t *transport_connect_dealer(const char *endpoint, const struct curve *curve,
                                  struct connection_monitor **ret_monitor);
/* PUSH with ZMQ_IMMEDIATE: when a connection breaks, libzmq drops what is queued for it
 * and keeps nothing for the next one. */
zsock_t *transport_connect_push(const char *endpoint, const struct curve *curve,
                                struct connection_monitor **ret_monitor);

/* A socket for messages of other programs, of any type, which is not bound or connected
 * yet: at most `hwm` messages wait at each of its connections, and it ends the
 * connection of a peer that sends a frame longer than `frame_max`. NULL with errno. */
zsock_t *transport_open(int type, int hwm, int64_t frame_max, int linger_ms);
/* Connects it, also to several endpoints. 0 or -errno. */
int transport_connect_also(zsock_t *socket, const char *endpoint,
                           const struct curve *curve);

/* The ZeroMQ type of a socket for messages of other programs. */
int transport_message_type(enum message_kind kind);
/* Binds or connects such a socket to one of its ends, with these keys, NULL: without;
 * `domain` is a bound one's. 0, or -errno with a sentence in `error`. */
int transport_meet(zsock_t *socket, const struct message_end *end,
                   const struct certificate *own, const char *domain, char *error,
                   size_t error_size);

/* Whether strangers can reach the endpoint, so that it needs keys. */
bool transport_is_tcp(const char *endpoint);
/* False: an ipc path that is not there, or not for us, as on another host. */
bool transport_may_reach(const char *endpoint);
/* The path of an ipc endpoint; NULL: it is another kind of endpoint, or its name is in
 * the abstract namespace and so is no file. */
const char *transport_path(const char *endpoint);

/* Closes a bound socket and removes its ipc path, which libzmq leaves behind; *socket_p
 * may be NULL. Another program that bound the path meanwhile would lose it: a lock
 * keeps the two apart (common/process/runtime_dir.h). */
void transport_close_bound(zsock_t **socket_p);

/* The last endpoint that a bound socket really has ("tcp://127.0.0.1:41234" for port
 * *); static, until the next call. */
const char *transport_endpoint(zsock_t *socket);

#endif
