/* SPDX-License-Identifier: MIT */
/* Says what message_gaps counts. */
#ifndef FANFOLD_VENTILATOR_SOURCE_KINDS_GAP_REPORT_H
#define FANFOLD_VENTILATOR_SOURCE_KINDS_GAP_REPORT_H

#include "ventilator/source/kinds/message_gaps.h"
#include <stddef.h>

/* Counts a message of `count` frames, and says so where others are missing before it:
 * the first time to a person, then in the log. False: it has no number, with a sentence
 * in `reason`. True where messages have no numbers. */
bool gap_report_see(struct message_gaps *gaps, const struct slice *frames, size_t count,
                    char *reason, size_t reason_size);
/* Says how many were missing, if some were; frees the counts. */
void gap_report_end(struct message_gaps *gaps);

#endif
