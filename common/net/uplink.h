/* SPDX-License-Identifier: MIT */
/*
 * The link of a worker or a sink to the ventilator: a DEALER, which the session may ask
 * to open again, and which opens itself again where libzmq does not: when a handshake
 * has failed, as the key may be added meanwhile. Encodes and sends what the session
 * gives it, and decodes what the ventilator answers.
 */
#ifndef FANFOLD_COMMON_NET_UPLINK_H
#define FANFOLD_COMMON_NET_UPLINK_H

#include "common/keys/certificate.h"
#include "common/net/transport.h"
#include <czmq.h>

struct uplink;

/* The keys of a link to the ventilator that a worker's or a sink's certificate names;
 * borrows from it. */
struct curve uplink_curve(const struct certificate *own);
/* The endpoint, and the keys (NULL: none), must outlive it. Connects nothing yet. */
struct uplink *uplink_new(const char *endpoint, const struct curve *curve);
void uplink_destroy(struct uplink **uplink_p);

/* Closes the connection if there is one, and opens a new one. 0 or -errno. */
int uplink_connect(struct uplink *uplink);
/* Looks after the connection; returns when to call it again. */
int64_t uplink_tick(struct uplink *uplink, int64_t now_us);
/* Poll it for input, for uplink_tick; NULL: there is none. */
zsock_t *uplink_monitor(const struct uplink *uplink);
/* Or this one's descriptor; NULL likewise. */
struct connection_monitor *uplink_connection(const struct uplink *uplink);
/* What keeps the connection from coming about, and a sentence for a person about it,
 * without an end. TROUBLE_NONE: nothing, and `text` is empty; TROUBLE_PENDING: there
 * may be nothing. */
enum connection_trouble uplink_trouble(const struct uplink *uplink, char *text,
                                       size_t size);
/* A message that cannot be sent is lost, as on a link that breaks: the session sends it
 * again. */
void uplink_send(struct uplink *uplink, const struct message *message);
/* True: a message, whose slices live until the next call. False: there is none now. */
bool uplink_receive(struct uplink *uplink, struct message *ret_message);

/* The payload of the last message; empty: it has none. */
zmq_msg_t *uplink_payload(struct uplink *uplink);

/* NULL before the first uplink_connect. */
zsock_t *uplink_socket(const struct uplink *uplink);
const char *uplink_endpoint(const struct uplink *uplink);
/* It leads by an ipc path of our own user's to a process on this host. */
bool uplink_is_own(const struct uplink *uplink);

#endif
