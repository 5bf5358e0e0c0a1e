/* SPDX-License-Identifier: MIT */
#include "sink/waiting_hint.h"

#include "common/log.h"

#include <inttypes.h>

#define HINT_US (1 * SECOND_US) /* of waiting, before a person is told */

enum sink_waits {
    SINK_WAITS_NOTHING,
    SINK_WAITS_VENTILATOR,
    SINK_WAITS_RECEIVER, /* nobody is connected to take messages */
    SINK_WAITS_LAST,     /* the receiver does not take the last ones */
    SINK_WAITS_OUTPUT,   /* it does not take what is to be written */
    SINK_WAITS_RESULT,   /* of the next seq: later ones are here */
};

void waiting_hint_init(struct waiting_hint *hint, const struct uplink *uplink,
                       bool quiet)
{
    *hint = (struct waiting_hint){.uplink = uplink, .quiet = quiet};
}

static struct wait find_wait(const struct sink_session *session,
                             const struct waiting_output *output)
{
    uint64_t seq;
    if (!sink_session_welcomed(session))
        return (struct wait){.kind = SINK_WAITS_VENTILATOR};
    seq = sink_session_position(session).next;
    if (output->receiver && !output->receiver_is_there)
        return (struct wait){.kind = SINK_WAITS_RECEIVER};
    if (output->receiver && output->ends)
        return (struct wait){.kind = SINK_WAITS_LAST};
    if (output->queued || output->receiver)
        return (struct wait){SINK_WAITS_OUTPUT, seq};
    if (sink_session_awaits_result(session, &seq))
        return (struct wait){SINK_WAITS_RESULT, seq};
    return (struct wait){.kind = SINK_WAITS_NOTHING};
}

static void tell(const struct waiting_hint *hint, const char *receiver, int64_t now_us)
{
    int seconds = waits_seconds(&hint->waits, now_us);
    uint64_t seq = hint->waits.now.which;
    char text[512] = "";
    bool trouble = hint->uplink && uplink_trouble(hint->uplink, text, sizeof text);
    switch ((enum sink_waits)hint->waits.now.kind) {
    case SINK_WAITS_NOTHING:
        return;
    case SINK_WAITS_VENTILATOR:
        if (hint->uplink)
            say("waiting for a ventilator at %s%s%s", uplink_endpoint(hint->uplink),
                trouble ? ": " : "", text);
        return;
    case SINK_WAITS_RECEIVER:
        if (!hint->quiet)
            say("waiting for a receiver at %s", receiver);
        return;
    case SINK_WAITS_LAST:
        if (!hint->quiet)
            say("waiting for the receiver at %s to take the last messages", receiver);
        return;
    case SINK_WAITS_OUTPUT:
        log_event(LOG_LEVEL_INFO, "waits", "for=output seq=%" PRIu64 " seconds=%d", seq,
                  seconds);
        return;
    case SINK_WAITS_RESULT:
        log_event(LOG_LEVEL_INFO, "waits",
                  "for=result seq=%" PRIu64 " seconds=%d why=\"results of later chunks "
                  "are here\"",
                  seq, seconds);
        return;
    }
}

int64_t waiting_hint_tick(struct waiting_hint *hint, const struct sink_session *session,
                          const struct waiting_output *output, int64_t now_us)
{
    struct wait wait = find_wait(session, output);
    char text[512];
    if (wait.kind == SINK_WAITS_VENTILATOR && hint->uplink)
        wait.which = uplink_trouble(hint->uplink, text, sizeof text);
    int64_t due_us = NEVER_US;
    bool soon = wait.kind == SINK_WAITS_VENTILATOR ||
                wait.kind == SINK_WAITS_RECEIVER || wait.kind == SINK_WAITS_LAST;
    int64_t first_us = soon ? HINT_US : WAITS_US;
    hint->had_receiver |= wait.kind == SINK_WAITS_LAST;
    if (wait.kind == SINK_WAITS_RECEIVER && output->ends && hint->had_receiver)
        first_us = 0; /* it has left early */
    if (waits_tick(&hint->waits, wait, first_us, now_us, &due_us))
        tell(hint, output->receiver, now_us);
    return due_us;
}
