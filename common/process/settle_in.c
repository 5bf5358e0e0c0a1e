/* SPDX-License-Identifier: MIT */
#include "common/process/settle_in.h"
#include "common/process/signals.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

void settle_in(const char *name)
{
    static const int deaf[] = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT,
                               SIGPIPE, SIGUSR1, SIGUSR2};
    signals_ignore(deaf, sizeof deaf / sizeof *deaf);
    signal(SIGCHLD, SIG_DFL);
    sigset_t none; /* the parent blocks the signals that it reads from a descriptor */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_NAME, name);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return;
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    if (null > STDERR_FILENO)
        close(null);
}
