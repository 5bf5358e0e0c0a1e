/* SPDX-License-Identifier: MIT */
/* Answerable for which signals reach the launcher and its children. Does not decide
 * what follows from one. */
#include "deploy/local/signals.h"
#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void add_unless_ignored(sigset_t *set, int signal)
{
    struct sigaction action;

    if (sigaction(signal, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
        sigaddset(set, signal);
}

int signals_open(struct signals *signals)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t set;

    sigemptyset(&set);
    add_unless_ignored(&set, SIGINT);
    add_unless_ignored(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    /* Ignored by an odd parent, SIGCHLD would let children vanish unseen. */
    sigaction(SIGCHLD, &plain, NULL);
    sigaction(SIGTERM, &plain, NULL);
    sigaction(SIGPIPE, &ignore, &signals->pipe);
    sigprocmask(SIG_BLOCK, &set, &signals->mask);
    signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals->fd < 0 ? -errno : 0;
}

void signals_close(struct signals *signals)
{
    close(signals->fd);
    signals->fd = -1;
}

int signals_next(struct signals *signals)
{
    struct signalfd_siginfo info;

    if (read(signals->fd, &info, sizeof info) != sizeof info)
        return 0;
    return (int)info.ssi_signo;
}

void signals_leave_to_child(const struct signals *signals)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);
    sigaction(SIGPIPE, &signals->pipe, NULL);
    sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}
