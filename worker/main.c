/* SPDX-License-Identifier: MIT */
/* fanfold-worker: runs the user's program on chunks. */
#include "common/exit_status.h"
#include "common/process/signals.h"
#include "common/process/standard_fds.h"
#include "worker/check.h"
#include "worker/worker.h"

int main(int argc, char **argv)
{
    struct worker_options options;
    signals_see_children();
    log_init("fanfold-worker", LOG_LEVEL_WARN);
    if (!standard_fds_fill())
        return STATUS_IO;
    if (!worker_options_parse(argc, argv, &options))
        return STATUS_USAGE;
    log_set_level(options.common.log_level);
    if (options.check)
        return check_run(options.check, &options.common);
    return worker_run(&options);
}
