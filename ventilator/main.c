/* SPDX-License-Identifier: MIT */
/* fanfold-ventilator: options, run, exit status. */
#include "common/exit_status.h"
#include "common/helper/piped_child.h"
#include "common/log.h"
#include "common/process/signals.h"
#include "common/process/standard_fds.h"
#include "ventilator/inputs.h"
#include "ventilator/options.h"
#include "ventilator/source/decompress/decompressor.h"
#include "ventilator/source/receive/receiver.h"
#include "ventilator/ventilator.h"

int main(int argc, char **argv)
{
    struct ventilator_options options;
    if (decompressor_asked(argc, argv))
        return decompressor_run(argv);
    signals_see_children();
    log_init("fanfold-ventilator", LOG_LEVEL_WARN);
    if (!standard_fds_fill())
        return STATUS_IO;
    if (piped_child_is(argc, argv, RECEIVER_ASKS))
        return inputs_receive(argc, argv);
    int status = STATUS_USAGE;
    if (ventilator_options_parse(argc, argv, &options)) {
        log_set_level(options.common.log_level);
        status = ventilator_run(&options);
    }
    ventilator_options_deinit(&options);
    return status;
}
