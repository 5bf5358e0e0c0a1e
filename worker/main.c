/* SPDX-License-Identifier: MIT */
/* fanfold-worker: runs the user's program on chunks. */
#include "common/exit_status.h"
#include "common/streams.h"
#include "worker/worker.h"

int main(int argc, char **argv)
{
    struct worker_options options;
    streams_fill();
    log_init("fanfold-worker", LOG_LEVEL_WARN);
    if (!worker_options_parse(argc, argv, &options))
        return STATUS_USAGE;
    log_set_level(options.common.log_level);
    return worker_run(&options);
}
