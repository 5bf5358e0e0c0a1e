/* SPDX-License-Identifier: MIT */
#include "sink/service_report.h"

#include <inttypes.h>

static void tell(struct service_manager *manager, const struct sink_session *session,
                 const char *tasks, bool ending)
{
    service_manager_ready(manager);
    if (ending) {
        service_manager_stopping(manager);
        service_manager_status(manager, "ending the output");
    } else if (!sink_session_welcomed(session)) {
        service_manager_status(manager, "waiting for a ventilator at %s", tasks);
    } else {
        service_manager_status(manager,
                               "in a run: results of %" PRIu64 " chunks written",
                               sink_session_position(session).next);
    }
}

int64_t service_report_tick(struct service_manager *manager,
                            const struct sink_session *session, const char *tasks,
                            bool ending, int64_t now_us)
{
    if (service_manager_listens(manager))
        tell(manager, session, tasks, ending);
    return service_manager_tick(manager, now_us);
}
