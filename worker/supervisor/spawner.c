/* SPDX-License-Identifier: MIT */
/*
 * Starts a process by vfork, which shares the address space until the exec and so costs
 * the same however big the supervisor is. posix_spawn would do that too, but cannot
 * have the process killed when its parent dies (PR_SET_PDEATHSIG): if somebody kills
 * worker and supervisor at the same time, nobody else is left to do it.
 *
 * The spawner writes again for each process what differs: numbers in the environment,
 * and in words with placeholders.
 */
#include "worker/supervisor/spawner.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include "common/process/signals.h"
#include "worker/supervisor/environment.h"
#include "worker/supervisor/placeholders.h"
#include "worker/supervisor/process_limits.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct spawner {
    const char *path;
    const struct program_config *config;
    const int *errors;
    char **argv;
    char **script_argv; /* /bin/sh PATH ARGUMENTS, for a script without "#!" */
    size_t *places;     /* of the words with placeholders, in argv */
    size_t place_count;
    struct environment environment;
};

/* Of argv, the spawner owns only the words with placeholders. */
static void copy_words(struct spawner *spawner)
{
    char **words = spawner->config->argv;
    size_t count = 0;
    while (words[count])
        count++;
    spawner->argv = allocate_zeroed(count + 1, sizeof(char *));
    spawner->script_argv = allocate_zeroed(count + 2, sizeof(char *));
    spawner->places = allocate_zeroed(count, sizeof *spawner->places);
    for (size_t i = 0; i < count; i++) {
        bool varies = placeholders_in(words[i]) != 0;
        spawner->argv[i] = spawner->script_argv[i + 1] = varies ? NULL : words[i];
        if (varies)
            spawner->places[spawner->place_count++] = i;
    }
    spawner->script_argv[0] = (char *)(uintptr_t) "/bin/sh";
    spawner->script_argv[1] = (char *)(uintptr_t)spawner->path;
}

struct spawner *spawner_new(const char *path, const struct program_config *config,
                            const int *errors)
{
    struct spawner *spawner = allocate_zeroed(1, sizeof *spawner);
    spawner->path = path;
    spawner->config = config;
    spawner->errors = errors;
    environment_init(&spawner->environment, config->mode, config->worker);
    copy_words(spawner);
    return spawner;
}

void spawner_hide_slot(struct spawner *spawner)
{
    environment_hide_slot(&spawner->environment);
}

static void fill_words(struct spawner *spawner, const struct request *request)
{
    for (size_t i = 0; i < spawner->place_count; i++) {
        size_t place = spawner->places[i];
        free(spawner->argv[place]);
        spawner->argv[place] = placeholders_fill(spawner->config->argv[place],
                                                 request->seq + 1, request->slot + 1);
        if (place > 0)
            spawner->script_argv[place + 1] = spawner->argv[place];
    }
}

/* In the child, which has its parent's memory, but descriptors and signals of its own.
 * Returns only to tell an errno. */
static int become_program(const struct spawner *spawner, pid_t supervisor, pid_t group,
                          const int *streams)
{
    if (setpgid(0, group) < 0)
        setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor) /* it died before the prctl */
        _exit(127);
    for (int i = 0; i < 3; i++)
        if (dup2(streams[i], i) < 0)
            return errno;
    signals_reset();
    int error = process_limits_enter(spawner->config);
    if (error)
        return error;
    process_limits_limit(spawner->config);
    execve(spawner->path, spawner->argv, spawner->environment.words);
    if (errno == ENOEXEC)
        execve("/bin/sh", spawner->script_argv, spawner->environment.words);
    return errno;
}

pid_t spawner_start(void *context, const struct request *request, pid_t group,
                    const int *fds, unsigned count)
{
    struct spawner *spawner = context;
    if (count != 2) /* see spawn_link_take_request */
        return -EMFILE;
    environment_update(&spawner->environment, request);
    fill_words(spawner, request);
    /* The child writes to it while this process waits in vfork. */
    volatile int error = 0;
    const int streams[] = {fds[0], fds[1], spawner->errors[request->slot]};
    fd_block(streams[2]); /* the slot's programs share it, one after the other */
    pid_t supervisor = getpid();
    pid_t pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
    if (pid == 0) {
        error = become_program(spawner, supervisor, group, streams);
        _exit(127);
    }
    if (pid < 0)
        return -errno;
    if (error)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    return error ? -error : pid;
}
