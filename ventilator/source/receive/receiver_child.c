/* SPDX-License-Identifier: MIT */
#include "ventilator/source/receive/receiver_child.h"

#include "common/exit_status.h"
#include "common/helper/piped_child.h"
#include "common/process/child_wait.h"
#include "common/process/fds.h"
#include "common/process/strangers.h"
#include "ventilator/source/receive/receiver.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int receiver_child_start(struct receiver_child *child, char *const *arguments)
{
    struct piped_child piped;
    int result =
        piped_child_start_self(&piped, "fanfold-receive", RECEIVER_ASKS, arguments);
    *child = (struct receiver_child){
        .pid = piped.pid, .commands = piped.in, .notices = piped.out};
    if (result == 0)
        strangers_spare(child->pid);
    return result;
}

/* ---- what it says ---- */

static void describe_end(struct receiver_child *child)
{
    int status = 0;
    int result = child_wait(child->pid, &status);
    strangers_release(child->pid);
    child->pid = 0;
    child->failed = true;
    child->status = result == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_IO;
    if (child->reason_size > 0)
        return;
    if (result == 0 && WIFSIGNALED(status))
        snprintf(child->reason, sizeof child->reason,
                 "the process that receives was killed by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(child->reason, sizeof child->reason,
                 "the process that receives has ended by itself");
}

/* "R", then two numbers. */
static void on_count(struct receiver_child *child, char byte)
{
    if (byte == ' ') {
        child->first = child->next;
        child->next = 0;
    } else if (byte == '\n') {
        child->counts = false;
        child->ready = true;
    } else
        child->next = 10 * child->next + (uint64_t)(byte - '0');
}

static void on_bytes(struct receiver_child *child, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (child->explains) {
            if (child->reason_size + 1 < sizeof child->reason)
                child->reason[child->reason_size++] = bytes[i];
        } else if (child->counts)
            on_count(child, bytes[i]);
        else if (bytes[i] == 'R')
            child->counts = true;
        else if (bytes[i] == 'D')
            child->dropped = true;
        else if (bytes[i] == 'E')
            child->ended = true;
        else if (bytes[i] == 'F')
            child->explains = true;
    }
}

static void read_notices(struct receiver_child *child)
{
    char bytes[4096];
    while (child->notices >= 0) {
        ssize_t got = read(child->notices, bytes, sizeof bytes);
        if (got > 0)
            on_bytes(child, bytes, (size_t)got);
        else if (got < 0 && errno == EINTR)
            continue;
        else if (got < 0)
            return;
        else {
            fd_close(&child->notices);
            fd_close(&child->commands);
            describe_end(child);
        }
    }
}

bool receiver_child_wait(struct receiver_child *child)
{
    while (!child->ready && child->notices >= 0) {
        struct pollfd item = {.fd = child->notices, .events = POLLIN};
        poll(&item, 1, -1);
        read_notices(child);
    }
    return child->ready;
}

/* ---- what it is told ---- */

/* A line is shorter than what a pipe takes at once. */
static bool send_line(struct receiver_child *child, const char *line, int size)
{
    return child->commands >= 0 && write(child->commands, line, (size_t)size) == size;
}

static void send_lines(struct receiver_child *child)
{
    char line[40];
    if (child->told != child->committed) {
        int size =
            snprintf(line, sizeof line, "committed %" PRIu64 "\n", child->committed);
        if (send_line(child, line, size))
            child->told = child->committed;
    }
    if (child->lost && !child->lost_told)
        child->lost_told = send_line(child, "lost\n", 5);
    if (child->drains && !child->drain_told)
        child->drain_told = send_line(child, "drain\n", 6);
}

void receiver_child_settle(struct receiver_child *child)
{
    send_lines(child);
    read_notices(child);
}

void receiver_child_commit(struct receiver_child *child, uint64_t number)
{
    if (number > child->committed)
        child->committed = number;
    send_lines(child);
}

void receiver_child_lose(struct receiver_child *child)
{
    child->lost = true;
    send_lines(child);
}

void receiver_child_drain(struct receiver_child *child)
{
    child->drains = true;
    send_lines(child);
}

void receiver_child_stop(struct receiver_child *child)
{
    if (child->pid > 0) {
        send_lines(child);
        fd_close(&child->commands);
        fd_block(child->notices);
        read_notices(child); /* to its end, which is the process's */
    }
    fd_close(&child->commands);
    fd_close(&child->notices);
}
