/* SPDX-License-Identifier: MIT */
/* fanfold: a run on this host by one command. */
#include "common/log.h"
#include "common/streams.h"
#include "deploy/local/arguments.h"
#include "deploy/local/fanfold.h"

int main(int argc, char **argv)
{
    struct arguments arguments;
    int status;

    streams_fill();
    log_init("fanfold", LOG_LEVEL_WARN);
    status = arguments_parse(&arguments, argc, argv);
    if (status == 0)
        status = fanfold_run(&arguments);
    arguments_deinit(&arguments);
    return status;
}
