/* SPDX-License-Identifier: MIT */
#include "worker/waiting_hint.h"

#include "common/log.h"

#define HINT_US (1 * SECOND_US) /* of waiting, before a person is told */

void waiting_hint_init(struct waiting_hint *hint, const char *tasks)
{
    *hint = (struct waiting_hint){.tasks = tasks};
}

static bool is_for_people(enum session_waits waits)
{
    return waits == SESSION_WAITS_VENTILATOR || waits == SESSION_WAITS_SINK;
}

static void tell(const struct waiting_hint *hint, const struct session *session,
                 int64_t now_us)
{
    int seconds = waits_seconds(&hint->waits, now_us);
    switch ((enum session_waits)hint->waits.now.kind) {
    case SESSION_WAITS_NOTHING:
        return;
    case SESSION_WAITS_VENTILATOR:
        if (hint->tasks)
            say("waiting for a ventilator at %s", hint->tasks);
        return;
    case SESSION_WAITS_SINK:
        if (hint->tasks)
            say("waiting for the sink at %s", session_endpoint(session));
        return;
    case SESSION_WAITS_HELD:
        log_event(LOG_LEVEL_INFO, "waits",
                  "for=sink seconds=%d why=\"all tasks are done, and it has not "
                  "confirmed their results\"",
                  seconds);
        return;
    case SESSION_WAITS_TASKS:
        log_event(LOG_LEVEL_INFO, "waits", "for=tasks seconds=%d", seconds);
        return;
    }
}

int64_t waiting_hint_tick(struct waiting_hint *hint, const struct session *session,
                          int64_t now_us)
{
    enum session_waits waits = session_waits(session);
    int64_t due_us = NEVER_US;
    int64_t first_us = is_for_people(waits) ? HINT_US : WAITS_US;
    if (waits_tick(&hint->waits, (struct wait){.kind = waits}, first_us, now_us,
                   &due_us))
        tell(hint, session, now_us);
    return due_us;
}
