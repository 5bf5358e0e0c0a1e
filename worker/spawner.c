/* SPDX-License-Identifier: MIT */
/*
 * Starting one process a task by posix_spawn, which shares the address space until the
 * exec and so costs the same however big the keeper is. The environment is the worker's
 * and four words more, which lie at its end and are written anew for each task.
 */
#include "worker/spawner.h"
#include "common/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct spawner {
    const char *path;
    char **argv;
    char **script_argv; /* /bin/sh PATH ARGUMENTS, for a script without "#!" */
    const int *errors;
    char **environment;
    char seq[48], attempt[48], slot[48], worker[128];
    posix_spawnattr_t attributes;
};

static const char *const own_names[] = {
    "FANFOLD_SEQ=", "FANFOLD_ATTEMPT=", "FANFOLD_SLOT=", "FANFOLD_WORKER="};

static bool is_own(const char *variable)
{
    for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++)
        if (strncmp(variable, own_names[i], strlen(own_names[i])) == 0)
            return true;
    return false;
}

static void make_environment(struct spawner *spawner)
{
    size_t count = 0, kept = 0;
    while (environ && environ[count])
        count++;
    spawner->environment = allocate_zeroed(count + 5, sizeof(char *));
    for (size_t i = 0; i < count; i++)
        if (!is_own(environ[i]))
            spawner->environment[kept++] = environ[i];
    spawner->environment[kept++] = spawner->seq;
    spawner->environment[kept++] = spawner->attempt;
    spawner->environment[kept++] = spawner->slot;
    spawner->environment[kept++] = spawner->worker;
}

static void make_script_argv(struct spawner *spawner)
{
    size_t count = 0;
    while (spawner->argv[count])
        count++;
    spawner->script_argv = allocate_zeroed(count + 2, sizeof(char *));
    spawner->script_argv[0] = (char *)(uintptr_t) "/bin/sh";
    spawner->script_argv[1] = (char *)(uintptr_t)spawner->path;
    for (size_t i = 1; i < count; i++)
        spawner->script_argv[i + 1] = spawner->argv[i];
}

struct spawner *spawner_new(const char *path, char **argv, const char *worker,
                            const int *errors)
{
    struct spawner *spawner = allocate_zeroed(1, sizeof *spawner);
    spawner->path = path;
    spawner->argv = argv;
    spawner->errors = errors;
    snprintf(spawner->worker, sizeof spawner->worker, "FANFOLD_WORKER=%s",
             worker ? worker : "");
    make_environment(spawner);
    make_script_argv(spawner);
    sigset_t set;
    posix_spawnattr_init(&spawner->attributes);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&spawner->attributes, &set);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&spawner->attributes, &set);
    posix_spawnattr_setpgroup(&spawner->attributes, 0);
    posix_spawnattr_setflags(&spawner->attributes, POSIX_SPAWN_SETPGROUP |
                                                       POSIX_SPAWN_SETSIGMASK |
                                                       POSIX_SPAWN_SETSIGDEF);
    return spawner;
}

pid_t spawner_start(void *context, const struct request *request, const int *fds,
                    unsigned count)
{
    struct spawner *spawner = context;
    if (count != 2) /* see link_take_request */
        return -EMFILE;
    snprintf(spawner->seq, sizeof spawner->seq, "FANFOLD_SEQ=%" PRIu64, request->seq);
    snprintf(spawner->attempt, sizeof spawner->attempt, "FANFOLD_ATTEMPT=%" PRIu32,
             request->attempt);
    snprintf(spawner->slot, sizeof spawner->slot, "FANFOLD_SLOT=%" PRIu32,
             request->slot + 1);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, spawner->errors[request->slot],
                                     STDERR_FILENO);
    pid_t pid;
    int error = posix_spawn(&pid, spawner->path, &actions, &spawner->attributes,
                            spawner->argv, spawner->environment);
    if (error == ENOEXEC)
        error = posix_spawn(&pid, "/bin/sh", &actions, &spawner->attributes,
                            spawner->script_argv, spawner->environment);
    posix_spawn_file_actions_destroy(&actions);
    return error ? -error : pid;
}
