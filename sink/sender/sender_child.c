/* SPDX-License-Identifier: MIT */
#include "sink/sender/sender_child.h"

#include "common/memory.h"
#include "common/process/child_wait.h"
#include "common/process/fds.h"
#include "common/process/strangers.h"
#include "sink/sender/sender.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- starting ---- */

static int spawn(char *const *arguments, int in, int out, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    int error = posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes, arguments,
                            environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -error;
}

/* NAME ASKS PARENT, and then the sink's own. The caller frees the array. */
static char **extend(char *const *arguments, char *parent)
{
    static char name[] = "fanfold-send", asks[] = SENDER_ASKS;
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

int sender_child_start(struct sender_child *child, char *const *arguments)
{
    int in = -1, out = -1;
    char parent[24];
    *child = (struct sender_child){.commands = -1, .notices = -1};
    int result = pipe_open(PIPE_WRITE, &child->commands, &in);
    if (result == 0)
        result = pipe_open(PIPE_READ, &child->notices, &out);
    if (result == 0) {
        snprintf(parent, sizeof parent, "%ld", (long)getpid());
        char **longer = extend(arguments, parent);
        result = spawn(longer, in, out, &child->pid);
        free(longer);
    }
    fd_close(&in);
    fd_close(&out);
    if (result < 0) {
        fd_close(&child->commands);
        fd_close(&child->notices);
        child->pid = 0;
        return result;
    }
    strangers_spare(child->pid);
    return 0;
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
    int there;
    if (sscanf(line, "S %" SCNu64 " %d", &stored, &there) == 2) {
        child->stored = stored;
        child->there = there;
    } else if (strcmp(line, "E") == 0) {
        child->ended = true;
    } else if (strncmp(line, "F ", 2) == 0) {
        child->failed = true;
        snprintf(child->reason, sizeof child->reason, "%.500s", line + 2);
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
