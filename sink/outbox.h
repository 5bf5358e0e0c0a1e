/* SPDX-License-Identifier: MIT */
/* The sink's messages to the ventilator: each function makes one and sends it by the
 * uplink. */
#ifndef FANFOLD_SINK_OUTBOX_H
#define FANFOLD_SINK_OUTBOX_H

#include "common/net/uplink.h"
#include "common/protocol/endpoint_list.h"
#include "sink/session/session.h"

/* The sink as HELLO names it. */
struct outbox_hello {
    struct id incarnation;
    uint64_t nonce;
    const struct endpoint_list *endpoints; /* where workers reach it */
    uint64_t max_result_bytes;
    bool takes_parts; /* results that workers write to files */
    bool finished;
};

void outbox_hello(struct uplink *uplink, const struct outbox_hello *hello);
void outbox_begin(struct uplink *uplink, const struct id *uid,
                  const struct position *position, const struct range *held,
                  uint32_t count);
void outbox_refused(struct uplink *uplink, uint64_t epoch,
                    const struct sink_refusal *refusal);
void outbox_ping(struct uplink *uplink);
void outbox_progress(struct uplink *uplink, const struct sink_progress *progress,
                     uint64_t written_bytes);
void outbox_finished(struct uplink *uplink, const struct position *position,
                     const struct sink_verdict *verdict, uint64_t written_bytes);

#endif
