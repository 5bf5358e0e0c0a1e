/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/gap_report.h"

#include "common/log.h"
#include <inttypes.h>
#include <stdio.h>

static void say_gap(const struct message_gaps *gaps, const struct gap *gap)
{
    log_event(LOG_LEVEL_INFO, "gap", "missing=%" PRIu64 " number=%" PRIu64 " topic=%s",
              gap->missing, gap->number, gap->topic);
    if (gaps->gaps == 1)
        say("warning: %" PRIu64 " message%s before number %" PRIu64
            "%s%s did not come: "
            "the publisher drops what is not taken in time; more are counted, and said "
            "at the end",
            gap->missing, gap->missing == 1 ? "" : "s", gap->number,
            gap->topic[0] ? " of " : "", gap->topic);
}

bool gap_report_see(struct message_gaps *gaps, const struct slice *frames, size_t count,
                    char *reason, size_t reason_size)
{
    struct gap gap;
    if (gaps->place.index == 0)
        return true;
    if (!message_gaps_count(gaps, frames, count, &gap)) {
        snprintf(reason, reason_size, "it has no number where --sub-seq says");
        return false;
    }
    if (gap.missing)
        say_gap(gaps, &gap);
    return true;
}

void gap_report_end(struct message_gaps *gaps)
{
    if (gaps->missing)
        say("%" PRIu64 " message%s of the publisher did not come, in %" PRIu64
            " place%s (--sub-seq)",
            gaps->missing, gaps->missing == 1 ? "" : "s", gaps->gaps,
            gaps->gaps == 1 ? "" : "s");
    if (gaps->place.index)
        log_event(LOG_LEVEL_INFO, "sub_seq",
                  "missing=%" PRIu64 " gaps=%" PRIu64 " restarts=%" PRIu64,
                  gaps->missing, gaps->gaps, gaps->restarts);
    message_gaps_deinit(gaps);
}
