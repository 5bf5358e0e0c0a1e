/* SPDX-License-Identifier: MIT */
/* fanfold-sink: puts results back in sequence and writes them. */
#include "common/streams.h"
#include "sink/sink.h"

int main(int argc, char **argv)
{
    struct sink_options options;

    streams_fill();
    log_init("fanfold-sink", LOG_LEVEL_WARN);
    sink_options_parse(argc, argv, &options);
    log_set_level(options.common.log_level);
    return sink_run(&options);
}
