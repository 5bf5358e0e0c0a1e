/* SPDX-License-Identifier: MIT */
/* fanfold-sink: puts results back in sequence and writes them. */
#include "common/exit_status.h"
#include "common/process/signals.h"
#include "common/process/standard_fds.h"
#include "sink/committed.h"
#include "sink/sink.h"

int main(int argc, char **argv)
{
    struct sink_options options;
    signals_see_children();
    log_init("fanfold-sink", LOG_LEVEL_WARN);
    if (!standard_fds_fill())
        return STATUS_IO;
    sink_options_parse(argc, argv, &options);
    log_set_level(options.common.log_level);
    return options.committed ? committed_print(&options) : sink_run(&options);
}
