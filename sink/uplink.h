/* SPDX-License-Identifier: MIT */
/*
 * The sink's link to the ventilator: a DEALER, opened anew whenever the session says
 * so. Says what the session wants said; what the ventilator answers comes out decoded.
 */
#ifndef FANFOLD_SINK_UPLINK_H
#define FANFOLD_SINK_UPLINK_H

#include "sink/session.h"
#include <czmq.h>

struct uplink;

/* The endpoint must outlive it. Connects nothing yet. */
struct uplink *uplink_new(const char *endpoint);
void uplink_destroy(struct uplink **uplink_p);

/* Closes the connection if there is one, and opens a new one. 0 or -errno. */
int uplink_connect(struct uplink *uplink);
/* What the sink says of itself. */
struct uplink_hello {
    struct id incarnation;
    const char *endpoint; /* where workers reach it */
    uint64_t max_result_bytes;
    bool finished;
};

/* What cannot be sent is lost, as on a link that breaks: the session says it again. */
void uplink_say_hello(struct uplink *uplink, const struct uplink_hello *hello);
void uplink_say_begin(struct uplink *uplink, const struct id *uid,
                      const struct position *position, const struct range *held,
                      uint32_t count);
void uplink_say_ping(struct uplink *uplink);
void uplink_say_progress(struct uplink *uplink, const struct sink_progress *progress,
                         uint64_t written_bytes);
void uplink_say_finished(struct uplink *uplink, const struct position *position,
                         const struct sink_verdict *verdict, uint64_t written_bytes);

/* True: a message, whose slices live until the next call. False: none now. */
bool uplink_receive(struct uplink *uplink, struct message *ret_message);

/* NULL before the first uplink_connect. */
zsock_t *uplink_socket(const struct uplink *uplink);
const char *uplink_endpoint(const struct uplink *uplink);

#endif
