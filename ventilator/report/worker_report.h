/* SPDX-License-Identifier: MIT */
/* The sentences about a worker that is set aside, and that is back. */
#ifndef FANFOLD_VENTILATOR_REPORT_WORKER_REPORT_H
#define FANFOLD_VENTILATOR_REPORT_WORKER_REPORT_H

#include "ventilator/scheduler/dispatch.h"
#include <stddef.h>

/* Of DISPATCH_ASIDE and DISPATCH_BACK. Returns `text`. */
const char *worker_report(char *text, size_t size,
                          const struct dispatch_action *action);

#endif
