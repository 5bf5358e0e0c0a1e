/* SPDX-License-Identifier: MIT */
/* Tells a person that the sink waits for a ventilator. That it waits for a result, or
 * for whoever reads the output, is right in many runs, and only in the log (info). */
#ifndef FANFOLD_SINK_WAITING_HINT_H
#define FANFOLD_SINK_WAITING_HINT_H

#include "common/net/uplink.h"
#include "common/waits.h"
#include "sink/session/session.h"

struct waiting_hint {
    const struct uplink *uplink; /* NULL: nobody wants hints */
    struct waits waits;
};

/* `uplink` is borrowed. */
void waiting_hint_init(struct waiting_hint *hint, const struct uplink *uplink);
/* Tells what is due; `queued`: the output has not taken all that it was given. Returns
 * when to look again. */
int64_t waiting_hint_tick(struct waiting_hint *hint, const struct sink_session *session,
                          bool queued, int64_t now_us);

#endif
