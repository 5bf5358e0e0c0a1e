/* SPDX-License-Identifier: MIT */
#include "ventilator/source/receive/receiver_child.h"

#include "common/memory.h"
#include "common/process/child_wait.h"
#include "common/process/fds.h"
#include "common/process/strangers.h"
#include "ventilator/source/receive/receiver.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- starting ---- */

struct pipe_ends {
    int commands, notices;
};

static void close_ends(struct pipe_ends *ends)
{
    fd_close(&ends->commands);
    fd_close(&ends->notices);
}

static int open_pipes(struct pipe_ends *ours, struct pipe_ends *theirs)
{
    *ours = *theirs = (struct pipe_ends){-1, -1};
    int result = pipe_open(PIPE_WRITE, &ours->commands, &theirs->commands);
    if (result == 0)
        result = pipe_open(PIPE_READ, &ours->notices, &theirs->notices);
    if (result == 0)
        return 0;
    close_ends(ours);
    close_ends(theirs);
    return result;
}

static int spawn(char *const *arguments, const struct pipe_ends *ends, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_adddup2(&actions, ends->commands, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends->notices, STDOUT_FILENO);
    int error = posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes, arguments,
                            environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -error;
}

/* NAME ASKS PARENT, and then the ventilator's own. The caller frees the array. */
static char **extend(char *const *arguments, char *parent)
{
    static char name[] = "fanfold-receive", asks[] = RECEIVER_ASKS;
    size_t count = 0;
    while (arguments[count])
        count++;
    char **longer = allocate((count + 4) * sizeof *longer);
    longer[0] = name;
    longer[1] = asks;
    longer[2] = parent;
    memcpy(longer + 3, arguments, (count + 1) * sizeof *longer);
    return longer;
}

int receiver_child_start(struct receiver_child *child, char *const *arguments)
{
    struct pipe_ends ours, theirs;
    char parent[24];
    *child = (struct receiver_child){.commands = -1, .notices = -1};
    int result = open_pipes(&ours, &theirs);
    if (result < 0)
        return result;
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    char **longer = extend(arguments, parent);
    result = spawn(longer, &theirs, &child->pid);
    free(longer);
    close_ends(&theirs);
    if (result < 0) {
        close_ends(&ours);
        child->pid = 0;
        return result;
    }
    strangers_spare(child->pid);
    child->commands = ours.commands;
    child->notices = ours.notices;
    return 0;
}

/* ---- what it says ---- */

static void describe_end(struct receiver_child *child)
{
    int status = 0;
    int result = child_wait(child->pid, &status);
    strangers_release(child->pid);
    child->pid = 0;
    child->failed = true;
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

static void on_bytes(struct receiver_child *child, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (child->failed) {
            if (child->reason_size + 1 < sizeof child->reason)
                child->reason[child->reason_size++] = bytes[i];
        } else if (bytes[i] == 'R')
            child->ready = true;
        else if (bytes[i] == 'E')
            child->ended = true;
        else if (bytes[i] == 'F')
            child->failed = true;
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
