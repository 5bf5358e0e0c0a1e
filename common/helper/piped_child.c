/* SPDX-License-Identifier: MIT */
#include "common/helper/piped_child.h"

#include "common/exit_status.h"
#include "common/helper/sdk_path.h"
#include "common/helper/shell_exec.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { ARGUMENTS_FIRST = 3 }; /* behind name, what it is asked for, and the parent */

/* `plain`: NULL: it stays in our process group, with our signals. */
static int spawn(const char *program, char *const *arguments, char **environment,
                 const sigset_t *plain, int in, int out, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    short flags = POSIX_SPAWN_SETSIGMASK;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    if (plain) {
        flags |= POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
        posix_spawnattr_setsigdefault(&attributes, plain);
        posix_spawnattr_setpgroup(&attributes, 0);
    }
    posix_spawnattr_setflags(&attributes, flags);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    int error =
        posix_spawn(ret_pid, program, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -error;
}

static int start(struct piped_child *child, const char *program, char *const *arguments,
                 char **environment, const sigset_t *plain)
{
    int in = -1, out = -1;
    *child = (struct piped_child){.in = -1, .out = -1};
    int result = pipe_open(PIPE_WRITE, &child->in, &in);
    if (result == 0)
        result = pipe_open(PIPE_READ, &child->out, &out);
    if (result == 0)
        result = spawn(program, arguments, environment, plain, in, out, &child->pid);
    fd_close(&in);
    fd_close(&out);
    if (result < 0) {
        fd_close(&child->in);
        fd_close(&child->out);
        child->pid = 0;
    }
    return result;
}

int piped_child_start_self(struct piped_child *child, const char *name,
                           const char *asks, char *const *arguments)
{
    char parent[24];
    size_t count = 0;
    while (arguments[count])
        count++;
    char **longer = allocate((count + ARGUMENTS_FIRST + 1) * sizeof *longer);
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    longer[0] = (char *)name;
    longer[1] = (char *)asks;
    longer[2] = parent;
    memcpy(longer + ARGUMENTS_FIRST, arguments, (count + 1) * sizeof *longer);
    int result = start(child, "/proc/self/exe", longer, environ, NULL);
    free(longer);
    return result;
}

bool piped_child_is(int argc, char **argv, const char *asks)
{
    return argc > ARGUMENTS_FIRST && strcmp(argv[1], asks) == 0;
}

char **piped_child_begin(int *argc, char **argv)
{
    *argc -= ARGUMENTS_FIRST;
    prctl(PR_SET_NAME, argv[0]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != (pid_t)strtol(argv[2], NULL, 10))
        _exit(STATUS_IO);
    return argv + ARGUMENTS_FIRST;
}

int piped_child_start_command(struct piped_child *child, const char *command,
                              const sigset_t *plain)
{
    char sh[] = "sh", c[] = "-c";
    char *line = shell_exec_command(command);
    char *const words[] = {sh, c, line, NULL};
    char **environment = sdk_path_environment();
    int result = start(child, "/bin/sh", words, environment, plain);
    sdk_path_free(environment);
    free(line);
    return result;
}
