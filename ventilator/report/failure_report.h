/* SPDX-License-Identifier: MIT */
/* What a person is told of a chunk that failed for good. */
#ifndef FANFOLD_VENTILATOR_REPORT_FAILURE_REPORT_H
#define FANFOLD_VENTILATOR_REPORT_FAILURE_REPORT_H

#include "ventilator/scheduler/dispatch.h"
#include "ventilator/source/chunk.h"
#include <stddef.h>

enum { FAILURE_REPORT_MAX = 12288 /* bytes of the longest */ };

/* "chunk 17 (bytes 100-199, records 5-6) failed for good after 3 attempts: exit status
 * 3; it said: "LAST LINE"", and below it all lines that the program said, if they are
 * several. `chunk` may be NULL: the sentence leaves out the ranges. `input`
 * names the chunk's input; NULL: there is only one. Returns `text`. */
const char *failure_report(char *text, size_t size,
                           const struct dispatch_failure *failure,
                           const struct chunk *chunk, const char *input);

/* How it failed alone: "exit status 3; it said: ..." Returns `text`. */
const char *failure_describe(char *text, size_t size,
                             const struct dispatch_failure *failure);

#endif
