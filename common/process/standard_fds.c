/* SPDX-License-Identifier: MIT */
/* A missing standard stream becomes /dev/null, opened for the wrong direction. */
#include "common/process/standard_fds.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_null_device(int fd)
{
    struct stat status;
    bool device = fstat(fd, &status) == 0 && S_ISCHR(status.st_mode);
    if (!device)
        say("/dev/null is no device: make it again (mknod -m 666 /dev/null c 1 3)");
    return device;
}

bool standard_fds_fill(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0) /* the lowest that is free is this one */
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) {
        say("cannot open /dev/null, which this program needs: %s", strerror(errno));
        return false;
    }
    bool device = is_null_device(null);
    close(null);
    return device;
}
