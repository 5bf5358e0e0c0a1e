/* SPDX-License-Identifier: MIT */
/* How this worker is, for a service manager: ready once it has joined a run. */
#ifndef FANFOLD_WORKER_SERVICE_REPORT_H
#define FANFOLD_WORKER_SERVICE_REPORT_H

#include "worker/resources.h"

/* `ending`: it takes no more tasks, or is over: the manager hears that it ends, not
 * that it died. Returns when it must be called again. */
int64_t service_report_tick(struct resources *resources, bool ending, int64_t now_us);

#endif
