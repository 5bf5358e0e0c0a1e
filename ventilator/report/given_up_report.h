/* SPDX-License-Identifier: MIT */
/* What a person is told of chunks that a run is to go on without: the reason of the
 * first, and once what would leave out less. */
#ifndef FANFOLD_VENTILATOR_REPORT_GIVEN_UP_REPORT_H
#define FANFOLD_VENTILATOR_REPORT_GIVEN_UP_REPORT_H

#include "ventilator/report/failure_report.h"

struct given_up_report {
    bool said, said_many, said_none_good;
};

/* For each chunk that the sink is told of. `chunk` and `input` as of failure_report. */
void given_up_report_say(struct given_up_report *report,
                         const struct dispatch_failure *failure,
                         const struct chunk *chunk, const char *input);

#endif
