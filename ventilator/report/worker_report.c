/* SPDX-License-Identifier: MIT */
#include "ventilator/report/worker_report.h"

#include "common/log.h"
#include "ventilator/report/failure_report.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "it fails what others do: exit status 9; it said: ..." */
static const char *describe_why(char *text, size_t size,
                                const struct worker_remark *remark)
{
    char how[3000];
    if (!remark->failure)
        snprintf(text, size, "it takes chunks and starts none");
    else
        snprintf(text, size,
                 "%" PRIu32 " chunks in a row failed there that others did: %s",
                 remark->chunks, failure_describe(how, sizeof how, remark->failure));
    return text;
}

const char *worker_report(char *text, size_t size, const struct dispatch_action *action)
{
    const struct worker_remark *remark = action->remark;
    char host[600], why[3200];
    const char *name = remark->host && *remark->host ? remark->host : "?";
    log_quote(host, sizeof host, (const uint8_t *)name, strlen(name));
    if (action->kind == DISPATCH_BACK)
        snprintf(text, size, "the worker on %s (process %" PRIu32 ") serves again",
                 host, remark->pid);
    else
        snprintf(text, size,
                 "the worker on %s (process %" PRIu32
                 ") is set aside, and tried again now and then: %s",
                 host, remark->pid, describe_why(why, sizeof why, remark));
    return text;
}
