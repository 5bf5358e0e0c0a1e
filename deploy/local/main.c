/* SPDX-License-Identifier: MIT */
/* fanfold: a run on this host by one command. */
#include "common/log.h"
#include "deploy/local/arguments.h"
#include "deploy/local/fanfold.h"
#include <fcntl.h>
#include <unistd.h>

/* A standard stream that is closed must not become a socket or a pipe of ours. What was
 * meant to be written to stays unwritable. */
static void fill_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    int status;

    fill_streams();
    log_init("fanfold", LOG_LEVEL_WARN);
    status = arguments_parse(&arguments, argc, argv);
    if (status == 0)
        status = fanfold_run(&arguments);
    arguments_deinit(&arguments);
    return status;
}
