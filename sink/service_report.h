/* SPDX-License-Identifier: MIT */
/* How this sink is, for a service manager: ready once it is bound. */
#ifndef FANFOLD_SINK_SERVICE_REPORT_H
#define FANFOLD_SINK_SERVICE_REPORT_H

#include "common/service/service_manager.h"
#include "sink/session/session.h"

/* `tasks` is the ventilator's endpoint; `ending`: the run has failed, or is over.
 * Returns when it must be called again. */
int64_t service_report_tick(struct service_manager *manager,
                            const struct sink_session *session, const char *tasks,
                            bool ending, int64_t now_us);

#endif
