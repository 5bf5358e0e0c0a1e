/* SPDX-License-Identifier: MIT */
/* fanfold-sink: puts results back in sequence and writes them. */
#include "common/exit_status.h"
#include "common/helper/piped_child.h"
#include "common/options/table.h"
#include "common/process/signals.h"
#include "common/process/standard_fds.h"
#include "sink/committed.h"
#include "sink/parts/join.h"
#include "sink/sender/sender.h"
#include "sink/sink.h"

/* In the process that sends. */
static int send_records(const struct sink_options *options)
{
    const struct output_options *out = &options->out;
    const struct link_config config = {
        .end = out->messages,
        .command = out->connector,
        .envelope = out->envelope,
        .hwm = out->hwm ? out->hwm : DEFAULT_HWM,
        .patience_us = options->common.patience_us,
        .quiet = options->common.quiet,
    };
    return sender_run(out->spool, &config, out->keys);
}

static int join_parts(const struct sink_options *options)
{
    return join_run(&(struct join_config){.manifest = options->out.join,
                                          .parts = options->out.parts,
                                          .output = options->output,
                                          .quiet = options->common.quiet});
}

int main(int argc, char **argv)
{
    struct sink_options options;
    signals_see_children();
    log_init("fanfold-sink", LOG_LEVEL_WARN);
    if (!standard_fds_fill())
        return STATUS_IO;
    bool sends = piped_child_is(argc, argv, SENDER_ASKS);
    if (sends)
        argv = piped_child_begin(&argc, argv);
    sink_options_parse(argc, argv, &options);
    log_set_level(options.common.log_level);
    int status = sends               ? send_records(&options)
                 : options.out.join  ? join_parts(&options)
                 : options.committed ? committed_print(&options)
                                     : sink_run(&options);
    sink_options_deinit(&options);
    return status;
}
