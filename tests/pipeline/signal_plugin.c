/* SPDX-License-Identifier: MIT */
/* A plugin that ignores SIGPIPE, starts a helper in `prepare`, and ends it by SIGTERM
 * in `finish`, or waits for it without that if its argument is "deaf". */
#include "worker/fanfold.h"
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t helper;
static int deaf;

static int prepare(int argc, char **argv, void **ret_state, struct fanfold_error *error)
{
    (void)error;
    deaf = argc > 1 && strcmp(argv[1], "deaf") == 0;
    signal(SIGPIPE, SIG_IGN);
    helper = fork();
    if (helper == 0) {
        execlp("sleep", "sleep", "1000", (char *)0);
        _exit(1);
    }
    *ret_state = NULL;
    return 0;
}

static int process(void *state, const struct fanfold_chunk *chunk,
                   struct fanfold_output *output, struct fanfold_error *error)
{
    struct sigaction pipe, term;
    (void)state, (void)chunk, (void)error;
    sigaction(SIGPIPE, NULL, &pipe);
    sigaction(SIGTERM, NULL, &term);
    if (pipe.sa_handler != SIG_IGN || term.sa_handler != SIG_DFL)
        return fanfold_write(output, "lost\n", 5);
    return fanfold_write(output, "kept\n", 5);
}

static void finish(void *state)
{
    (void)state;
    if (!deaf)
        kill(helper, SIGTERM);
    waitpid(helper, NULL, 0);
}

FANFOLD_PLUGIN = {
    .abi = FANFOLD_PLUGIN_ABI,
    .name = "signals",
    .prepare = prepare,
    .process = process,
    .finish = finish,
};
