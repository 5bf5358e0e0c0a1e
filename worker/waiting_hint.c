/* SPDX-License-Identifier: MIT */
/* One line on stderr for each thing that the worker waits for in turn. */
#include "worker/waiting_hint.h"

#include "common/clock.h"
#include "common/log.h"

enum { HINT_US = 1000000 /* of waiting, before a person is told */ };

void waiting_hint_init(struct waiting_hint *hint, const char *tasks, int64_t now_us)
{
    *hint = (struct waiting_hint){
        .tasks = tasks,
        .waits = SESSION_WAITS_VENTILATOR,
        .since_us = now_us,
        .hinted = SESSION_WAITS_NOTHING,
    };
}

int64_t waiting_hint_tick(struct waiting_hint *hint, const struct session *session,
                          int64_t now_us)
{
    enum session_waits waits = session_waits(session);
    if (waits != hint->waits) {
        hint->waits = waits;
        hint->since_us = now_us;
    }
    if (!hint->tasks || waits == SESSION_WAITS_NOTHING || waits == hint->hinted)
        return NEVER_US;
    if (now_us - hint->since_us < HINT_US)
        return hint->since_us + HINT_US;
    hint->hinted = waits;
    if (waits == SESSION_WAITS_VENTILATOR)
        say("waiting for a ventilator at %s", hint->tasks);
    else
        say("waiting for the sink at %s", session_endpoint(session));
    return NEVER_US;
}
