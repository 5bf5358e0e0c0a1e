/* SPDX-License-Identifier: MIT */
/* fanfold-ventilator: options, run, exit status. */
#include "common/exit_status.h"
#include "common/log.h"
#include "common/streams.h"
#include "ventilator/decompressor.h"
#include "ventilator/options.h"
#include "ventilator/ventilator.h"

int main(int argc, char **argv)
{
    struct ventilator_options options;
    if (decompressor_asked(argc, argv))
        return decompressor_run(argc, argv);
    streams_fill();
    log_init("fanfold-ventilator", LOG_LEVEL_WARN);
    int status = STATUS_USAGE;
    if (ventilator_options_parse(argc, argv, &options)) {
        log_set_level(options.common.log_level);
        status = ventilator_run(&options);
    }
    ventilator_options_deinit(&options);
    return status;
}
