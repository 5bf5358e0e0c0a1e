/* SPDX-License-Identifier: MIT */
#include "ventilator/report/given_up_report.h"

#include "common/log.h"

/* True once. */
static bool say_first(bool *said)
{
    bool first = !*said;
    *said = true;
    return first;
}

void given_up_report_say(struct given_up_report *report,
                         const struct dispatch_failure *failure,
                         const struct chunk *chunk, const char *input)
{
    char text[FAILURE_REPORT_MAX];
    bool many = failure->cause == FAILURE_PROTOCOL &&
                failure->code == FAILURE_PROTOCOL_TOO_MANY &&
                say_first(&report->said_many);
    bool none_good = failure->none_good && say_first(&report->said_none_good);
    if (say_first(&report->said) || many || none_good)
        say("%s", failure_report(text, sizeof text, failure, chunk, input));
    else
        return;
    if (none_good)
        say("the command has failed for every record so far: look at it first. The run "
            "goes on, tries each chunk once, and leaves it out as a whole, until one "
            "is done");
    else if (many)
        say("the run goes on without the whole chunk. Shorter chunks lose fewer good "
            "records with the bad ones: use a smaller --block, or -N; the run tells "
            "this once");
    else
        say("the run goes on without it; the run tells the reason of the first such "
            "chunk only, and dead letters tell each");
}
