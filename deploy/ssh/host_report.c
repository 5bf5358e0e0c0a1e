/* SPDX-License-Identifier: MIT */
#include "deploy/ssh/host_report.h"

#include "common/log.h"
#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>

/* What a person does first where a login fails: the same without us. On the heap; "" if
 * the host has answered. */
static char *what_to_try(const struct host_report *report,
                         const struct ssh_workers_config *config)
{
    const struct login *login = report->login;
    char port[16] = "";
    if (connection_has_answered(report->connection) || !*login->target)
        return allocate_text("%s", "");
    if (login->port)
        snprintf(port, sizeof port, " -p %u", login->port);
    return allocate_text(": '%s -o BatchMode=yes%s %s true' must work", config->ssh,
                         port, login->target);
}

static void say_given_up(const struct host_report *report,
                         const struct ssh_workers_config *config)
{
    char *hint = what_to_try(report, config);
    say("%s: gave up: %s%s%s", login_name(report->login),
        connection_reason(report->connection), hint,
        report->some_left ? "; the run goes on without this host" : "");
    free(hint);
}

void host_report_say(const struct host_report *report,
                     const struct ssh_workers_config *config)
{
    const char *name = login_name(report->login);
    switch (report->notice) {
    case PLACEMENT_NOTICE_NONE:
        return;
    case PLACEMENT_NOTICE_TRYING:
        say("%s: cannot log in: %s; trying again, with growing pauses", name,
            connection_reason(report->connection));
        return;
    case PLACEMENT_NOTICE_BACK:
        say("%s: logged in", name);
        return;
    case PLACEMENT_NOTICE_LOST:
        say("%s: lost its worker: %s; starting another", name,
            connection_reason(report->connection));
        return;
    case PLACEMENT_NOTICE_GIVEN_UP:
        say_given_up(report, config);
        return;
    }
}
