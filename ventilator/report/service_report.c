/* SPDX-License-Identifier: MIT */
#include "ventilator/report/service_report.h"

#include <inttypes.h>

static void tell(struct service_manager *manager, const struct dispatch *dispatch,
                 bool ending)
{
    struct dispatch_counts counts = dispatch_counts(dispatch);
    service_manager_ready(manager);
    if (ending) {
        service_manager_stopping(manager);
        service_manager_status(manager, "ending: %" PRIu32 " chunks still run",
                               counts.busy);
    } else if (!dispatch_begun(dispatch)) {
        service_manager_status(manager, "waiting for the sink");
    } else if (counts.sessions == 0) {
        service_manager_status(manager, "waiting for workers");
    } else {
        service_manager_status(
            manager, "%" PRIu32 " workers, %" PRIu64 " of %" PRIu64 " chunks released",
            counts.sessions, counts.released, counts.cut);
    }
}

int64_t service_report_tick(struct service_manager *manager,
                            const struct dispatch *dispatch, bool ending,
                            int64_t now_us)
{
    if (service_manager_listens(manager))
        tell(manager, dispatch, ending);
    return service_manager_tick(manager, now_us);
}
