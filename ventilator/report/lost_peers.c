/* SPDX-License-Identifier: MIT */
#include "ventilator/report/lost_peers.h"

#include "common/clock.h"
#include "common/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SAY_US (1 * SECOND_US)

const char *lost_peers_describe(const struct dispatch *dispatch, char *text,
                                size_t size)
{
    char host[600];
    struct dispatch_lost lost = dispatch_lost(dispatch);
    const char *name = lost.host && *lost.host ? lost.host : "?";
    log_quote(host, sizeof host, name, strlen(name));
    if (lost.workers == 1)
        snprintf(text, size, "the worker on %s (process %" PRIu32 ")", host, lost.pid);
    else
        snprintf(text, size,
                 "%" PRIu32 " workers, the last of them on %s (process %" PRIu32 ")",
                 lost.workers, host, lost.pid);
    return text;
}

/* True: it is so for long enough. Else *due_us is when that may be. */
static bool lasts(int64_t *since_us, bool now, int64_t now_us, int64_t *due_us)
{
    if (!now)
        *since_us = 0;
    else if (!*since_us)
        *since_us = now_us;
    if (now && now_us < *since_us + SAY_US && *since_us + SAY_US < *due_us)
        *due_us = *since_us + SAY_US;
    return now && now_us >= *since_us + SAY_US;
}

static void tell_workers(struct lost_peers *lost, const struct dispatch *dispatch,
                         uint32_t workers)
{
    char who[800];
    uint32_t left = dispatch_counts(dispatch).sessions;
    if (workers > lost->workers)
        say("lost %s: no connection, or no word for too long; %" PRIu32
            " worker%s left",
            lost_peers_describe(dispatch, who, sizeof who), left,
            left == 1 ? " is" : "s are");
    else if (workers == 0)
        say("all workers that were lost are back");
    lost->workers = workers;
    lost->workers_us = 0;
}

static void tell_sink(struct lost_peers *lost, bool gone)
{
    if (gone)
        say("lost the sink: no connection, or no word for too long; waiting for it, or "
            "for one that resumes its output");
    else
        say("the sink is back");
    lost->sink = gone;
    lost->sink_us = 0;
}

int64_t lost_peers_tick(struct lost_peers *lost, const struct dispatch *dispatch,
                        int64_t now_us)
{
    int64_t due_us = NEVER_US;
    struct dispatch_lost now = dispatch_lost(dispatch);
    if (lost->quiet || now.ends)
        return due_us;
    if (now.workers < lost->workers && now.workers > 0)
        lost->workers = now.workers;
    if (lasts(&lost->workers_us, now.workers != lost->workers, now_us, &due_us))
        tell_workers(lost, dispatch, now.workers);
    if (lasts(&lost->sink_us, now.sink != lost->sink, now_us, &due_us))
        tell_sink(lost, now.sink);
    return due_us;
}
