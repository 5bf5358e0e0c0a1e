/* SPDX-License-Identifier: MIT */
/*
 * The signals of this process as events to poll for. A hangup or an interrupt that was
 * ignored when the program started (nohup, a script's background job) stays ignored.
 */
#ifndef FANFOLD_DEPLOY_LOCAL_SIGNALS_H
#define FANFOLD_DEPLOY_LOCAL_SIGNALS_H

#include <signal.h>

struct signals {
    int fd;                /* readable when there is one; close-on-exec */
    sigset_t mask;         /* as it was at the start */
    struct sigaction pipe; /* SIGPIPE's, the same */
};

/* 0 or -errno. */
int signals_open(struct signals *signals);
void signals_close(struct signals *signals);
/* The next one, SIGCHLD among them; 0: none now. Never blocks. */
int signals_next(struct signals *signals);
/* In a child, before exec: the mask as it was; SIGINT and SIGHUP, which a terminal
 * sends to everybody, ignored, because the launcher forwards them. */
void signals_leave_to_child(const struct signals *signals);

#endif
