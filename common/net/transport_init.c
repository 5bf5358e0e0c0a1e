/* SPDX-License-Identifier: MIT */
/* How ZeroMQ begins in a process, and ends. */
#include "common/net/transport.h"

#include "common/log.h"
#include "common/net/headroom.h"
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_event(LOG_LEVEL_DEBUG, "open_files_not_raised", "errno=%d", errno);
}

/* Chunks of some megabytes come and go all the time. malloc keeps their memory, so that
 * the kernel need not map and clear it again for each; it still gives back larger
 * blocks, and all beyond KEEP_FREE_BYTES. */
static void keep_freed_memory(void)
{
    enum { KEEP_CHUNK_BYTES = 32 << 20, KEEP_FREE_BYTES = 64 << 20 };
    mallopt(M_MMAP_THRESHOLD, KEEP_CHUNK_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEEP_FREE_BYTES);
}

int transport_init(char *error, size_t error_size)
{
    /* In this order: the first keeps CZMQ from installing its handler when the second
     * initialises it. */
    zsys_handler_set(NULL);
    zsys_set_logstream(stderr);
    signal(SIGPIPE, SIG_IGN);
    raise_open_files();
    keep_freed_memory();
    int result = headroom_check(error, error_size);
    if (result == 0)
        headroom_guard();
    return result;
}

static bool abandoned;

void transport_deinit(void)
{
    if (!abandoned)
        zsys_shutdown();
}

static void leave(int status, void *nothing)
{
    (void)nothing;
    fflush(NULL);
    _exit(status);
}

/* CZMQ has zsys_shutdown called at exit, too; what is registered last comes first. */
void transport_abandon(void)
{
    if (!abandoned)
        on_exit(leave, NULL);
    abandoned = true;
}
