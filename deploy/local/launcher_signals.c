/* SPDX-License-Identifier: MIT */
/* Answerable for which signals reach the launcher and its children. launcher.c decides
 * what to do about one. */
#include "deploy/local/launcher_signals.h"

#include "common/clock.h"
#include "common/process/signals.h"
#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

int launcher_signals_open(struct launcher_signals *signals)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigset_t set;
    sigemptyset(&set);
    signals_add_unless_ignored(&set, SIGINT);
    signals_add_unless_ignored(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    sigaction(SIGTERM, &plain, NULL);
    sigaction(SIGPIPE, &ignore, &signals->pipe);
    sigprocmask(SIG_BLOCK, &set, &signals->mask);
    signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals->fd < 0 ? -errno : 0;
}

void launcher_signals_close(struct launcher_signals *signals)
{
    close(signals->fd);
    signals->fd = -1;
}

int launcher_signals_next(struct launcher_signals *signals)
{
    struct signalfd_siginfo info;
    while (read(signals->fd, &info, sizeof info) == sizeof info) {
        int number = (int)info.ssi_signo;
        if (number == SIGCHLD ||
            !repeated_signal_take(&signals->last, number, clock_now_us()))
            return number;
    }
    return 0;
}

void launcher_signals_leave_to_child(const struct launcher_signals *signals)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);
    sigaction(SIGPIPE, &signals->pipe, NULL);
    sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}
