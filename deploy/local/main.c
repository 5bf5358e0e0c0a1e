/* SPDX-License-Identifier: MIT */
/* fanfold: one command that does a whole run on this host. */
#include "common/exit_status.h"
#include "common/log.h"
#include "common/process/signals.h"
#include "common/process/standard_fds.h"
#include "deploy/local/arguments.h"
#include "deploy/local/fanfold.h"

int main(int argc, char **argv)
{
    struct arguments arguments;
    int status;
    signals_see_children();
    log_init("fanfold", LOG_LEVEL_WARN);
    if (!standard_fds_fill())
        return STATUS_IO;
    status = arguments_parse(&arguments, argc, argv);
    if (status == 0)
        status = fanfold_run(&arguments);
    arguments_deinit(&arguments);
    return status;
}
