/* SPDX-License-Identifier: MIT */
#include "worker/waiting_hint.h"

#include "common/log.h"

#define HINT_US (1 * SECOND_US) /* of waiting, before a person is told */

void waiting_hint_init(struct waiting_hint *hint, const struct uplink *uplink)
{
    *hint = (struct waiting_hint){.uplink = uplink};
}

static bool is_for_people(enum session_waits waits)
{
    return waits == SESSION_WAITS_VENTILATOR || waits == SESSION_WAITS_SINK;
}

static void tell(const struct waiting_hint *hint, const struct session *session,
                 int64_t now_us)
{
    int seconds = waits_seconds(&hint->waits, now_us);
    char text[512] = "";
    bool trouble = hint->uplink && uplink_trouble(hint->uplink, text, sizeof text);
    switch ((enum session_waits)hint->waits.now.kind) {
    case SESSION_WAITS_NOTHING:
        return;
    case SESSION_WAITS_VENTILATOR:
        if (hint->uplink)
            say("waiting for a ventilator at %s%s%s", uplink_endpoint(hint->uplink),
                trouble ? ": " : "", text);
        return;
    case SESSION_WAITS_SINK:
        if (hint->uplink)
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
    struct wait wait = {.kind = waits};
    char text[512];
    if (waits == SESSION_WAITS_VENTILATOR && hint->uplink)
        wait.which = uplink_trouble(hint->uplink, text, sizeof text);
    if (waits_tick(&hint->waits, wait, first_us, now_us, &due_us))
        tell(hint, session, now_us);
    return due_us;
}
