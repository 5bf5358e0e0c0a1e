/* SPDX-License-Identifier: MIT */
/* Says what message_gaps counts. */
#ifndef FANFOLD_VENTILATOR_SOURCE_KINDS_GAP_REPORT_H
#define FANFOLD_VENTILATOR_SOURCE_KINDS_GAP_REPORT_H

#include "ventilator/source/kinds/message_gaps.h"
#include <stddef.h>

/* `continues`: a run before this one took messages of the same input, so that some may
 * be lost between the two. */
void gap_report_begin(const struct message_gaps *gaps, bool continues);
/* Counts a message of `count` frames, and says what its number tells of those before
 * it: the first time to a person, and in the log. False: it has no number, with a
 * sentence in `reason`. True where messages have no numbers. */
bool gap_report_see(struct message_gaps *gaps, const struct slice *frames, size_t count,
                    char *reason, size_t reason_size);
/* Says how many were missing, if some were; frees the counts. */
void gap_report_end(struct message_gaps *gaps);

#endif
