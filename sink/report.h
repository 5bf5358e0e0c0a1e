/* SPDX-License-Identifier: MIT */
/* What the sink says to the ventilator: each function makes one message and sends it by
 * the uplink. */
#ifndef FANFOLD_SINK_REPORT_H
#define FANFOLD_SINK_REPORT_H

#include "common/uplink.h"
#include "sink/session.h"

/* What the sink says of itself. */
struct report_hello {
    struct id incarnation;
    uint64_t nonce;
    const char *endpoint; /* where workers reach it */
    uint64_t max_result_bytes;
    bool finished;
};

void report_hello(struct uplink *uplink, const struct report_hello *hello);
void report_begin(struct uplink *uplink, const struct id *uid,
                  const struct position *position, const struct range *held,
                  uint32_t count);
void report_ping(struct uplink *uplink);
void report_progress(struct uplink *uplink, const struct sink_progress *progress,
                     uint64_t written_bytes);
void report_finished(struct uplink *uplink, const struct position *position,
                     const struct sink_verdict *verdict, uint64_t written_bytes);

#endif
