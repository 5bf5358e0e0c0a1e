/* SPDX-License-Identifier: MIT */
#include "worker/service_report.h"

#include <inttypes.h>

static void tell(struct service_manager *manager, const struct session *session,
                 const char *tasks, bool ending)
{
    enum session_waits waits = session_waits(session);
    if (waits != SESSION_WAITS_VENTILATOR)
        service_manager_ready(manager);
    if (ending) {
        service_manager_stopping(manager);
        service_manager_status(manager, "finishing the running chunks");
    } else if (waits == SESSION_WAITS_VENTILATOR) {
        service_manager_status(manager, "waiting for a ventilator at %s", tasks);
    } else if (waits == SESSION_WAITS_SINK) {
        service_manager_status(manager, "waiting for the sink at %s",
                               session_endpoint(session));
    } else {
        service_manager_status(manager, "in a run: %" PRIu64 " chunks done",
                               session_finished(session));
    }
}

int64_t service_report_tick(struct resources *resources, bool ending, int64_t now_us)
{
    struct service_manager *manager = &resources->manager;
    if (service_manager_listens(manager))
        tell(manager, resources->session, resources->tasks, ending);
    return service_manager_tick(manager, now_us);
}
