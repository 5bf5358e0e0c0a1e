/* SPDX-License-Identifier: MIT */
/* Tells a person, once the worker has waited for a while, for whom it waits: a worker
 * that starts first, or with a wrong endpoint, should not look as if it hung. */
#ifndef FANFOLD_WORKER_WAITING_HINT_H
#define FANFOLD_WORKER_WAITING_HINT_H

#include "worker/session/session.h"

struct waiting_hint {
    const char *tasks;        /* the ventilator's endpoint; NULL: nobody wants hints */
    enum session_waits waits; /* at the last look */
    int64_t since_us;
    enum session_waits hinted; /* the last hint's */
};

/* `tasks` is borrowed. */
void waiting_hint_init(struct waiting_hint *hint, const char *tasks, int64_t now_us);
/* Prints the hint if it is due; returns when to look again. */
int64_t waiting_hint_tick(struct waiting_hint *hint, const struct session *session,
                          int64_t now_us);

#endif
