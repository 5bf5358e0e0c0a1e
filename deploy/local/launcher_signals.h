/* SPDX-License-Identifier: MIT */
/*
 * The signals of this process as events to poll for. SIGHUP and SIGINT stay ignored if
 * they were when the program started (under nohup, in a script's background job).
 */
#ifndef FANFOLD_DEPLOY_LOCAL_LAUNCHER_SIGNALS_H
#define FANFOLD_DEPLOY_LOCAL_LAUNCHER_SIGNALS_H

#include "common/process/repeated_signal.h"
#include <signal.h>

struct launcher_signals {
    int fd;                /* readable when there is a signal; close-on-exec */
    sigset_t mask;         /* as it was at the start */
    struct sigaction pipe; /* SIGPIPE's, as it was at the start */
    struct repeated_signal last;
};

/* 0 or -errno. */
int launcher_signals_open(struct launcher_signals *signals);
void launcher_signals_close(struct launcher_signals *signals);
/* The next signal, which may be SIGCHLD; 0: there is none now. Never blocks. One that
 * comes twice in a moment is one. */
int launcher_signals_next(struct launcher_signals *signals);
/* Call it in a child before exec: restores the mask, and ignores SIGINT and SIGHUP,
 * which a terminal sends to all of us, because the launcher itself tells the roles. */
void launcher_signals_leave_to_child(const struct launcher_signals *signals);

#endif
