/* SPDX-License-Identifier: MIT */
/*
 * The link of a worker or a sink to the ventilator: a DEALER, opened anew whenever the
 * session says so. Says what the session wants said; what the ventilator answers comes
 * out decoded.
 */
#ifndef FANFOLD_COMMON_UPLINK_H
#define FANFOLD_COMMON_UPLINK_H

#include "common/message.h"
#include <czmq.h>

struct uplink;

/* The endpoint must outlive it. Connects nothing yet. */
struct uplink *uplink_new(const char *endpoint);
void uplink_destroy(struct uplink **uplink_p);

/* Closes the connection if there is one, and opens a new one. 0 or -errno. */
int uplink_connect(struct uplink *uplink);
/* What cannot be sent is lost, as on a link that breaks: the session says it again. */
void uplink_send(struct uplink *uplink, const struct message *message);
/* True: a message, whose slices live until the next call. False: none now. */
bool uplink_receive(struct uplink *uplink, struct message *ret_message);

/* The payload of the message that was received last: empty where it has none. */
zmq_msg_t *uplink_payload(struct uplink *uplink);

/* NULL before the first uplink_connect. */
zsock_t *uplink_socket(const struct uplink *uplink);
const char *uplink_endpoint(const struct uplink *uplink);

#endif
