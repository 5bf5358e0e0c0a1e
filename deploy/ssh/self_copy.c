/* SPDX-License-Identifier: MIT */
#include "deploy/ssh/self_copy.h"

#include "common/exit_status.h"
#include "common/log.h"
#include "common/process/fds.h"
#include "common/process/signals.h"
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* All that it needs but for the C library, which the other host has. */
static const char script[] =
    "l=$(ldd \"$1\" | awk '$3 ~ \"^/\" && "
    "$3 !~ \"/(libc|libm|libpthread|libdl|librt)[.]so\" { print $3 }'); "
    "exec tar -chf - --transform 's,.*/,,' \"$1\" $l 2>/dev/null";

/* In the child: tar writes into the memory file. */
static void become_tar(int fd, const char *worker)
{
    dup2(fd, STDOUT_FILENO);
    signals_reset();
    execl("/bin/sh", "sh", "-c", script, "sh", worker, (char *)NULL);
    _exit(STATUS_CANNOT_EXECUTE);
}

/* 0, -errno, or what tar ended with. */
static int run_tar(int fd, const char *worker)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        become_tar(fd, worker);
    if (pid < 0)
        return -errno;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
}

bool self_copy_make(struct self_copy *copy, const char *worker)
{
    struct utsname system;
    off_t size = 0;
    int fd = memfd_create("fanfold-copy", MFD_CLOEXEC);
    int result = fd < 0 ? -errno : run_tar(fd, worker);
    if (result == 0)
        size = lseek(fd, 0, SEEK_END);
    if (result != 0 || size <= 0 || uname(&system) < 0) {
        say("--copy-self: cannot copy %s: %s", worker,
            result < 0 ? strerror(-result) : "tar has failed");
        fd_close(&fd);
        return false;
    }
    copy->fd = fd;
    copy->size = (size_t)size;
    snprintf(copy->system, sizeof copy->system, "%s %s", system.sysname,
             system.machine);
    return true;
}

void self_copy_deinit(struct self_copy *copy)
{
    if (copy->fd > 0)
        fd_close(&copy->fd);
}
