/* SPDX-License-Identifier: MIT */
/* Says and logs how the run ended. */
#ifndef FANFOLD_VENTILATOR_REPORT_VERDICT_REPORT_H
#define FANFOLD_VENTILATOR_REPORT_VERDICT_REPORT_H

#include "ventilator/scheduler/dispatch_types.h"

/* Says on stderr what no other program says. `chunk_failed` is the sentence about the
 * chunk whose failure ended the run; NULL: none did. A launcher that supervises passes
 * on what the sink says, and says itself which signal came. */
void verdict_report_say(const struct verdict *verdict, const char *chunk_failed,
                        bool supervised);

void verdict_report_log(const struct verdict *verdict,
                        const struct dispatch_counts *counts);

#endif
