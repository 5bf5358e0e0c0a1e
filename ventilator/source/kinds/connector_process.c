/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/connector_process.h"

#include "common/clock.h"
#include "common/helper/piped_child.h"
#include "common/process/child_wait.h"
#include "common/process/fds.h"
#include "common/process/process_handle.h"
#include "common/process/strangers.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIPE_BYTES = 1 << 20 };

const struct connector_process connector_process_none = {
    .records_fd = -1, .control_fd = -1, .handle = -1, .events_fd = -1};

static int watch(int events_fd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(events_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* A system without pidfd_open has the pipe alone. */
static int watch_all(struct connector_process *process)
{
    process->events_fd = epoll_create1(EPOLL_CLOEXEC);
    if (process->events_fd < 0)
        return -errno;
    process->handle = pidfd_open(process->pid, 0);
    if (process->handle >= 0 && watch(process->events_fd, process->handle) < 0)
        fd_close(&process->handle);
    return watch(process->events_fd, process->records_fd);
}

static void forget(struct connector_process *process)
{
    strangers_release(process->pid);
    fd_close(&process->control_fd);
    fd_close(&process->records_fd);
    fd_close(&process->handle);
    fd_close(&process->events_fd);
    process->pid = 0;
}

int connector_process_start(struct connector_process *process, const char *command)
{
    struct piped_child piped;
    sigset_t plain; /* as a program expects it: it is ignored here */
    sigemptyset(&plain);
    sigaddset(&plain, SIGPIPE);
    int result = piped_child_start_command(&piped, command, &plain);
    *process = connector_process_none;
    if (result < 0)
        return result;
    process->pid = piped.pid;
    process->records_fd = piped.out;
    process->control_fd = piped.in;
    fcntl(process->records_fd, F_SETPIPE_SZ, PIPE_BYTES); /* a wish */
    strangers_spare(process->pid);
    result = watch_all(process);
    if (result < 0) {
        int status;
        connector_process_stop(process, 0, &status);
    }
    return result;
}

bool connector_process_ended(struct connector_process *process, int *ret_status)
{
    if (process->pid <= 0 || !child_has_ended(process->pid))
        return false;
    kill(-process->pid, SIGKILL); /* what it has left behind */
    *ret_status = -1;
    child_wait(process->pid, ret_status);
    forget(process);
    return true;
}

/* Reads and drops what it still writes, or it might wait for a reader for ever. */
static bool await_end(struct connector_process *process, int patience_ms)
{
    static char dropped[1 << 16];
    int64_t end_us = clock_now_us() + patience_ms * INT64_C(1000);
    while (process->records_fd >= 0 && !child_has_ended(process->pid)) {
        int64_t now_us = clock_now_us();
        struct pollfd ready = {.fd = process->records_fd, .events = POLLIN};
        if (now_us >= end_us)
            return false;
        poll(&ready, 1, clock_poll_ms(now_us, end_us, -1));
        if (ready.revents && read(process->records_fd, dropped, sizeof dropped) == 0)
            fd_close(&process->records_fd);
    }
    int64_t left_us = end_us - clock_now_us();
    return child_await_end(process->pid, left_us > 0 ? (int)(left_us / 1000) : 0);
}

bool connector_process_tells_end(const struct connector_process *process)
{
    return process->handle >= 0;
}

bool connector_process_stop(struct connector_process *process, int patience_ms,
                            int *ret_status)
{
    if (process->pid <= 0)
        return false;
    connector_process_write(process);
    fd_close(&process->control_fd);
    bool by_itself = await_end(process, patience_ms);
    kill(-process->pid, SIGKILL);
    *ret_status = -1;
    child_wait(process->pid, ret_status);
    forget(process);
    return by_itself;
}

/* ---- lines ---- */

void connector_process_tell(struct connector_process *process, const char *line)
{
    snprintf(process->next, sizeof process->next, "%s", line);
    connector_process_write(process);
}

static void next_line(struct connector_process *process)
{
    process->line_size = strlen(process->next);
    memcpy(process->line, process->next, process->line_size);
    process->written = 0;
    process->next[0] = '\0';
}

/* A process that reads nothing gets the newest line once it reads; one that has closed
 * its input has said that it needs none. */
void connector_process_write(struct connector_process *process)
{
    while (process->control_fd >= 0) {
        if (process->written == process->line_size && !process->next[0])
            return;
        if (process->written == process->line_size)
            next_line(process);
        ssize_t put = write(process->control_fd, process->line + process->written,
                            process->line_size - process->written);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno != EAGAIN)
            fd_close(&process->control_fd);
        if (put < 0)
            return;
        process->written += (size_t)put;
    }
}
