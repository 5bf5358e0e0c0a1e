/* SPDX-License-Identifier: MIT */
#include "common/process/process_handle.h"
#include "common/clock.h"
#include "common/process/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 5 }; /* where only looking again tells */

bool child_has_ended(pid_t child)
{
    siginfo_t info = {.si_pid = 0};
    int result;
    do
        result = waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT);
    while (result < 0 && errno == EINTR);
    return result < 0 || info.si_pid == child;
}

static void look_again(pid_t child, int64_t end_us)
{
    while (!child_has_ended(child) && clock_now_us() < end_us)
        poll(NULL, 0, LOOK_MS);
}

bool child_await_end(pid_t child, int timeout_ms)
{
    int64_t now_us = clock_now_us();
    int64_t end_us = timeout_ms < 0 ? NEVER_US : now_us + timeout_ms * INT64_C(1000);
    int handle = pidfd_open(child, 0);
    if (handle < 0)
        look_again(child, end_us);
    while (handle >= 0 && !child_has_ended(child) && now_us < end_us) {
        struct pollfd polled = {.fd = handle, .events = POLLIN};
        (void)poll(&polled, 1, clock_poll_ms(now_us, end_us, -1));
        now_us = clock_now_us();
    }
    fd_close(&handle);
    return child_has_ended(child);
}

const char *process_name(pid_t pid, char *name, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, name, size - 1);
    fd_close(&fd);
    snprintf(name + (got > 0 ? got : 0), size - (size_t)(got > 0 ? got : 0), "%s",
             got > 0 ? "" : "?");
    name[strcspn(name, "\n")] = '\0';
    return name;
}
