/* SPDX-License-Identifier: MIT */
#include "ventilator/report/verdict_report.h"

#include "common/exit_status.h"
#include "common/log.h"
#include <inttypes.h>
#include <string.h>

void verdict_report_say(const struct verdict *verdict, const char *chunk_failed,
                        bool supervised)
{
    char text[4096];
    if (verdict->status == STATUS_OUTPUT_CLOSED)
        return;
    if (verdict->status == STATUS_CHUNK_FAILED && chunk_failed)
        say("%s", chunk_failed);
    else if (supervised &&
             (verdict->relayed || verdict->outcome == OUTCOME_INTERRUPTED))
        log_event(LOG_LEVEL_INFO, "relayed", "status=%d", verdict->status);
    else if (verdict->relayed && verdict->text[0])
        say("the sink ended the run: %s",
            log_quote(text, sizeof text, verdict->text, strlen(verdict->text)));
    else if (verdict->text[0])
        say("%s", verdict->text);
}

void verdict_report_log(const struct verdict *verdict,
                        const struct dispatch_counts *counts)
{
    log_event(LOG_LEVEL_INFO, "end",
              "status=%d cut=%" PRIu64 " sent=%" PRIu64 " retried=%" PRIu64
              " adopted=%" PRIu64 " returned=%" PRIu64 " failed=%" PRIu64
              " given_up=%" PRIu64 " dead=%" PRIu64 " speculated=%" PRIu64
              " lost_sessions=%" PRIu64 " parked=%" PRIu64,
              verdict->status, counts->cut, counts->sent, counts->retried,
              counts->adopted, counts->returned, counts->failed, counts->given_up,
              counts->dead, counts->speculated, counts->lost_sessions, counts->parked);
}
