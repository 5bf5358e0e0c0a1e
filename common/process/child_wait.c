/* SPDX-License-Identifier: MIT */
#include "common/process/child_wait.h"

#include <errno.h>
#include <sys/wait.h>

int child_wait(pid_t pid, int *ret_status)
{
    int status;
    pid_t reaped;
    do
        reaped = waitpid(pid, &status, 0);
    while (reaped < 0 && errno == EINTR);
    if (reaped < 0)
        return -errno;
    *ret_status = status;
    return 0;
}
