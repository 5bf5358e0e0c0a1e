/* SPDX-License-Identifier: MIT */
#include "common/net/headroom.h"
#include "common/exit_status.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    DESCRIPTORS = 20, /* of a context, two sockets and their first connections */
    THREADS = 2,      /* ZeroMQ's reaper, and the one that moves bytes */
};

static const char threads_text[] =
    "the system lets this program have no more threads: raise the limit of processes "
    "(ulimit -u, or pids.max of its cgroup)";

static char abort_text[256];

bool headroom_has_descriptors(int count)
{
    int fds[DESCRIPTORS], opened = 0;
    while (opened < count && opened < DESCRIPTORS &&
           (fds[opened] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0)
        opened++;
    for (int i = 0; i < opened; i++)
        close(fds[i]);
    return opened == count;
}

static void *wait_at(void *mutex)
{
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
    return NULL;
}

/* All of them at once. 0 or -errno. */
static int try_threads(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[THREADS];
    int started = 0, result = 0;
    pthread_mutex_lock(&mutex);
    while (started < THREADS && result == 0) {
        result = -pthread_create(&threads[started], NULL, wait_at, &mutex);
        started += result == 0;
    }
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return result;
}

int headroom_check(char *error, size_t error_size)
{
    struct rlimit limit = {0, 0};
    if (!headroom_has_descriptors(DESCRIPTORS)) {
        (void)getrlimit(RLIMIT_NOFILE, &limit);
        snprintf(error, error_size,
                 "this program needs %d open files more than it may have (ulimit -n: "
                 "%llu): raise the limit",
                 DESCRIPTORS, (unsigned long long)limit.rlim_cur);
        return -EMFILE;
    }
    int result = try_threads();
    if (result < 0)
        snprintf(error, error_size, "%s", threads_text);
    return result;
}

/* A signal handler may not say it as others do. */
static void on_abort(int number)
{
    (void)number;
    (void)!write(STDERR_FILENO, abort_text, strlen(abort_text));
    _exit(STATUS_IO);
}

void headroom_guard(void)
{
    snprintf(abort_text, sizeof abort_text, "%s: %s\n", program_invocation_short_name,
             threads_text);
    signal(SIGABRT, on_abort);
}

void headroom_release(void)
{
    signal(SIGABRT, SIG_DFL);
}
