/* SPDX-License-Identifier: MIT */
/* How this ventilator is, for a service manager: ready once it is bound. */
#ifndef FANFOLD_VENTILATOR_REPORT_SERVICE_REPORT_H
#define FANFOLD_VENTILATOR_REPORT_SERVICE_REPORT_H

#include "common/service/service_manager.h"
#include "ventilator/scheduler/dispatch.h"

/* `ending`: it hands out no more chunks. Returns when it must be called again. */
int64_t service_report_tick(struct service_manager *manager,
                            const struct dispatch *dispatch, bool ending,
                            int64_t now_us);

#endif
