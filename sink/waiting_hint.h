/* SPDX-License-Identifier: MIT */
/* Tells a person that the sink waits for a ventilator, or that nobody receives its
 * messages. That it waits for a result, or for whoever reads the output, is right in
 * many runs, and only in the log (info). */
#ifndef FANFOLD_SINK_WAITING_HINT_H
#define FANFOLD_SINK_WAITING_HINT_H

#include "common/net/uplink.h"
#include "common/waits.h"
#include "sink/session/session.h"

struct waiting_hint {
    const struct uplink *uplink; /* NULL: nobody wants hints of the ventilator */
    bool quiet;                  /* nor of receivers */
    bool had_receiver;           /* for the last messages */
    struct waits waits;
};

/* What the output waits for. */
struct waiting_output {
    bool queued;          /* it has not taken all that it was given */
    const char *receiver; /* it is messages, for this one; NULL: it does not wait */
    bool receiver_is_there;
    bool ends; /* no more comes */
};

/* `uplink` is borrowed. */
void waiting_hint_init(struct waiting_hint *hint, const struct uplink *uplink,
                       bool quiet);
/* Tells what is due. Returns when to look again. */
int64_t waiting_hint_tick(struct waiting_hint *hint, const struct sink_session *session,
                          const struct waiting_output *output, int64_t now_us);

#endif
