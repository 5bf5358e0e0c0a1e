/* SPDX-License-Identifier: MIT */
/*
 * Starting a process by vfork, which shares the address space until the exec
 * and so costs the same however big the keeper is. posix_spawn would do that too, but
 * cannot have the process killed when its parent dies (PR_SET_PDEATHSIG): should worker
 * and keeper be killed at the same time, nobody else is left to do it.
 *
 * The environment is the worker's and a few words more, which lie at its end and are
 * written anew for each process.
 */
#include "worker/spawner.h"
#include "common/memory.h"
#include "worker/keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct spawner {
    const char *path;
    char **argv;
    char **script_argv; /* /bin/sh PATH ARGUMENTS, for a script without "#!" */
    const int *errors;
    char **environment;
    char seq[48], attempt[48], slot[48], worker[128];
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

static void make_environment(struct spawner *spawner, bool lasts)
{
    size_t count = 0, kept = 0;
    while (environ && environ[count])
        count++;
    spawner->environment = allocate_zeroed(count + 5, sizeof(char *));
    for (size_t i = 0; i < count; i++)
        if (!is_own(environ[i]))
            spawner->environment[kept++] = environ[i];
    if (!lasts) {
        spawner->environment[kept++] = spawner->seq;
        spawner->environment[kept++] = spawner->attempt;
    }
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
                            const int *errors, bool lasts)
{
    struct spawner *spawner = allocate_zeroed(1, sizeof *spawner);
    spawner->path = path;
    spawner->argv = argv;
    spawner->errors = errors;
    snprintf(spawner->worker, sizeof spawner->worker, "FANFOLD_WORKER=%s",
             worker ? worker : "");
    make_environment(spawner, lasts);
    make_script_argv(spawner);
    return spawner;
}

/* In the child, which has the parent's memory and its own of all else. An errno, if it
 * comes back. */
static int become_program(const struct spawner *spawner, pid_t keeper,
                          const int *streams)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != keeper) /* it was too late */
        _exit(127);
    for (int i = 0; i < 3; i++)
        if (dup2(streams[i], i) < 0)
            return errno;
    keeper_reset_signals();
    execve(spawner->path, spawner->argv, spawner->environment);
    if (errno == ENOEXEC)
        execve("/bin/sh", spawner->script_argv, spawner->environment);
    return errno;
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
    /* The child writes to it, before it is gone from here. */
    volatile int error = 0;
    const int streams[] = {fds[0], fds[1], spawner->errors[request->slot]};
    pid_t keeper = getpid();
    pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (pid == 0) {
        error = become_program(spawner, keeper, streams);
        _exit(127);
    }
    if (pid < 0)
        return -errno;
    if (error)
        waitpid(pid, NULL, 0);
    return error ? -error : pid;
}
