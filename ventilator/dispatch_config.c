/* SPDX-License-Identifier: MIT */
#include "ventilator/dispatch_config.h"

#include "common/random_id.h"

enum {
    LOSSES_MAX = 10, /* attempts of a chunk that may be lost with their workers */
};

struct dispatch_config dispatch_config_of(const struct ventilator_options *options,
                                          bool keeps_bytes, uint64_t sink_share)
{
    return (struct dispatch_config){
        .uid = id_random(),
        .window = options->window,
        .buffer_bytes = options->buffer_bytes - sink_share,
        .block_bytes = options->block_most,
        .block_auto = options->chunker.block_auto,
        .keeps_bytes = keeps_bytes,
        .retries = options->retries,
        .losses = LOSSES_MAX,
        .liveness_us = options->common.liveness_us,
        .on_error = options->on_error,
        .halt = options->halt,
        .limit_ms = options->limit_ms,
        .limit_percent = options->limit_percent,
        .speculate = options->speculate,
        .resume = options->resume,
        .strangers = !options->common.supervised,
        .tells_completions = options->job_log,
        .awaits_header = options->header_lines > 0,
        .min_workers = options->min_workers,
        .patience_us = options->common.patience_us,
    };
}
