/* SPDX-License-Identifier: MIT */
#include "sink/sender/sender_child.h"

#include "common/exit_status.h"
#include "common/helper/piped_child.h"
#include "common/process/child_wait.h"
#include "common/process/fds.h"
#include "common/process/strangers.h"
#include "sink/sender/sender.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int sender_child_start(struct sender_child *child, char *const *arguments)
{
    struct piped_child piped;
    int result = piped_child_start_self(&piped, "fanfold-send", SENDER_ASKS, arguments);
    *child = (struct sender_child){
        .pid = piped.pid, .commands = piped.in, .notices = piped.out};
    if (result == 0)
        strangers_spare(child->pid);
    return result;
}

/* ---- talking ---- */

/* A pipe that is full has woken it already. */
void sender_child_wake(struct sender_child *child, bool all)
{
    child->asked_end |= all;
    if (child->commands >= 0)
        (void)!write(child->commands, child->asked_end ? "e" : "w", 1);
}

static void on_line(struct sender_child *child, const char *line)
{
    uint64_t stored;
    int there, status, text = 0;
    if (sscanf(line, "S %" SCNu64 " %d", &stored, &there) == 2) {
        child->stored = stored;
        child->there = there;
    } else if (strcmp(line, "E") == 0) {
        child->ended = true;
    } else if (sscanf(line, "F %d %n", &status, &text) == 1 && text > 0) {
        child->failed = true;
        child->status = status;
        snprintf(child->reason, sizeof child->reason, "%.500s", line + text);
    }
}

static void take_lines(struct sender_child *child)
{
    char *end;
    while ((end = memchr(child->line, '\n', child->line_size))) {
        *end = '\0';
        on_line(child, child->line);
        child->line_size -= (size_t)(end + 1 - child->line);
        memmove(child->line, end + 1, child->line_size);
    }
    if (child->line_size == sizeof child->line)
        child->line_size = 0; /* no line of a sender's is so long */
}

static void on_end(struct sender_child *child)
{
    int status = 0;
    fd_close(&child->notices);
    fd_close(&child->commands);
    int result = child_wait(child->pid, &status);
    strangers_release(child->pid);
    child->pid = 0;
    if (child->failed)
        return;
    child->failed = true;
    child->status = STATUS_IO;
    if (result == 0 && WIFSIGNALED(status))
        snprintf(child->reason, sizeof child->reason,
                 "the process that sends was killed by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(child->reason, sizeof child->reason,
                 "the process that sends has ended by itself");
}

void sender_child_read(struct sender_child *child)
{
    while (child->notices >= 0) {
        ssize_t got = read(child->notices, child->line + child->line_size,
                           sizeof child->line - child->line_size);
        if (got > 0) {
            child->line_size += (size_t)got;
            take_lines(child);
        } else if (got == 0)
            on_end(child);
        else if (errno != EINTR)
            return;
    }
}

void sender_child_stop(struct sender_child *child)
{
    if (child->pid > 0) {
        fd_close(&child->commands);
        fd_block(child->notices);
        sender_child_read(child); /* to its end, which is the process's */
    }
    fd_close(&child->commands);
    fd_close(&child->notices);
}
