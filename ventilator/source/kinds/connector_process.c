/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/connector_process.h"

#include "common/clock.h"
#include "common/process/child_wait.h"
#include "common/process/fds.h"
#include "common/process/process_handle.h"
#include "common/process/strangers.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { PIPE_BYTES = 1 << 20 };

/* All signals are as a program expects them: many are blocked or ignored here. */
static int spawn(const char *command, int in, int out, pid_t *ret_pid)
{
    char sh[] = "sh", c[] = "-c";
    char *const words[] = {sh, c, (char *)command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, plain;
    sigemptyset(&none);
    sigemptyset(&plain);
    sigaddset(&plain, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &plain);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    int error = posix_spawn(ret_pid, "/bin/sh", &actions, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -error;
}

int connector_process_start(struct connector_process *process, const char *command)
{
    int in = -1, out = -1;
    *process = (struct connector_process){.records_fd = -1, .control_fd = -1};
    int result = pipe_open(PIPE_WRITE, &process->control_fd, &in);
    if (result == 0)
        result = pipe_open(PIPE_READ, &process->records_fd, &out);
    if (result == 0)
        fcntl(process->records_fd, F_SETPIPE_SZ, PIPE_BYTES); /* a wish */
    if (result == 0)
        result = spawn(command, in, out, &process->pid);
    fd_close(&in);
    fd_close(&out);
    if (result < 0) {
        fd_close(&process->control_fd);
        fd_close(&process->records_fd);
        process->pid = 0;
        return result;
    }
    strangers_spare(process->pid);
    return 0;
}

static void forget(struct connector_process *process)
{
    strangers_release(process->pid);
    fd_close(&process->control_fd);
    fd_close(&process->records_fd);
    process->pid = 0;
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
