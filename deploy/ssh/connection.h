/* SPDX-License-Identifier: MIT */
/*
 * One ssh and the worker at its other end, or a worker of this host by the same pipes:
 * skips what the host says before its token, gives the key, passes on what the worker
 * says on standard error, and tells how it ended. The worker ends when this end does.
 */
#ifndef FANFOLD_DEPLOY_SSH_CONNECTION_H
#define FANFOLD_DEPLOY_SSH_CONNECTION_H

#include "deploy/ssh/login.h"
#include "deploy/ssh/placement.h"
#include "deploy/ssh/self_copy.h"
#include <poll.h>
#include <sys/types.h>

struct connection;

struct connection_start {
    const struct login *login;
    const char *token;
    char *const *argv;            /* of ssh, or of a shell; ended by NULL */
    const char *key;              /* the text of the worker's certificate; NULL: none */
    const struct self_copy *copy; /* for a host that has no worker; NULL: none; borrowed
                                     for as long as the connection is */
};

/* NULL: no process or descriptors, with errno. All is copied. */
struct connection *connection_new(const struct connection_start *start, int64_t now_us);
/* Kills what is left of it. */
void connection_destroy(struct connection **connection_p);

enum { CONNECTION_FDS = 3 };
/* Fills in what to poll; returns how many. */
unsigned connection_poll(const struct connection *connection,
                         struct pollfd items[CONNECTION_FDS]);

/* What came since the last call. */
struct connection_news {
    bool through; /* the worker starts */
    bool alive;   /* it has done a task */
    bool ended;
    enum placement_end end; /* valid if it has ended */
    int refusal; /* the status with which the worker ended, if another one there would
                    end with it; 0: none */
};
struct connection_news connection_read(struct connection *connection, int64_t now_us);
/* When to call connection_read at the latest. */
int64_t connection_deadline(const struct connection *connection);

/* What to tell a person of why it ended: what the host said last, or what was tried. */
const char *connection_reason(const struct connection *connection);
/* Once it has ended: says what the host said last. For a caller that does not tell the
 * reason. */
void connection_say_last(struct connection *connection);

/* It was the host that spoke, and not ssh alone. */
bool connection_has_answered(const struct connection *connection);
/* The worker finishes what it runs and leaves. */
void connection_leave(struct connection *connection);
/* It hands back what it runs, and ends within seconds. */
void connection_hurry(struct connection *connection);

#endif
