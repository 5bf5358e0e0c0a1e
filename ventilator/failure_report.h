/* SPDX-License-Identifier: MIT */
/* The sentence about a chunk that failed for good. */
#ifndef FANFOLD_VENTILATOR_FAILURE_REPORT_H
#define FANFOLD_VENTILATOR_FAILURE_REPORT_H

#include "ventilator/chunk.h"
#include "ventilator/dispatch.h"
#include <stddef.h>

/* "chunk 17 (bytes 100-199, records 5-6) failed for good after 3 attempts: exit status
 * 3; it said: ..." `chunk` may be NULL: the ranges are left out. `input` names the one
 * that it is of; NULL: there is only one. Returns `text`. */
const char *failure_report(char *text, size_t size,
                           const struct dispatch_failure *failure,
                           const struct chunk *chunk, const char *input);

#endif
