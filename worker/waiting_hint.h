/* SPDX-License-Identifier: MIT */
/* Tells a person, once the worker has waited for a while, for whom it waits: a worker
 * that starts first, or with a wrong endpoint, should not look as if it hung. For what
 * a worker waits in a run that is right, only the log has (level info). */
#ifndef FANFOLD_WORKER_WAITING_HINT_H
#define FANFOLD_WORKER_WAITING_HINT_H

#include "common/net/uplink.h"
#include "common/waits.h"
#include "worker/session/session.h"

struct waiting_hint {
    const struct uplink *uplink; /* NULL: nobody wants hints */
    struct waits waits;
};

/* `uplink` is borrowed. */
void waiting_hint_init(struct waiting_hint *hint, const struct uplink *uplink);
/* Prints the hint if it is due; returns when to look again. */
int64_t waiting_hint_tick(struct waiting_hint *hint, const struct session *session,
                          int64_t now_us);

#endif
