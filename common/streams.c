/* SPDX-License-Identifier: MIT */
/* Puts /dev/null, opened for the wrong direction, where a standard stream is missing.
 */
#include "common/streams.h"

#include <fcntl.h>
#include <unistd.h>

void streams_fill(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0) /* the lowest that is free is this one */
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}
