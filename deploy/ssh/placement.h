/* SPDX-License-Identifier: MIT */
/*
 * Decides when a worker is started on which host: a pure state machine over connections
 * that it never touches. In: logins, how connections go and end, the time. Out: whom to
 * start, and what to tell a person.
 *
 * At most PLACEMENT_AT_ONCE hosts are not through yet, as sshd refuses more; each
 * failure makes the next pause of its host longer. A host that cannot start a worker,
 * or whose workers end within a minute again and again, is given up, and said once.
 */
#ifndef FANFOLD_DEPLOY_SSH_PLACEMENT_H
#define FANFOLD_DEPLOY_SSH_PLACEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PLACEMENT_AT_ONCE = 8, /* hosts that are not through yet */
    PLACEMENT_LOGINS = 10, /* in a row that fail, until a host is given up */
    PLACEMENT_DEATHS = 3,  /* in a row within a minute, likewise */
    PLACEMENT_SAID = 3,    /* logins in a row that fail, until that is said */
};

/* X(NAME): a host's way through a run. */
#define PLACEMENT_STATES(X)                                 \
    X(DUE)      /* to be started when its pause is over */  \
    X(STARTING) /* no word from the host yet */             \
    X(THROUGH)  /* the host has answered */                 \
    X(DONE)     /* its worker has heard of the run's end */ \
    X(GIVEN_UP)                                             \
    X(REMOVED) /* a person does not want it now */

enum placement_state {
#define X(name) PLACEMENT_##name,
    PLACEMENT_STATES(X)
#undef X
};

/* How a connection ended. */
enum placement_end {
    PLACEMENT_LOGIN_FAILED, /* ssh's 255 before the host answered, or no answer */
    PLACEMENT_LOST,         /* the same after it */
    PLACEMENT_CANNOT_START, /* no program there, or it does not take its options */
    PLACEMENT_DIED,         /* the worker did */
    PLACEMENT_COMPLETE,     /* the run is over */
};

enum placement_notice {
    PLACEMENT_NOTICE_NONE,
    PLACEMENT_NOTICE_TRYING, /* logins fail; it is tried again */
    PLACEMENT_NOTICE_BACK,   /* after that: it is through */
    PLACEMENT_NOTICE_LOST,   /* tried again */
    PLACEMENT_NOTICE_GIVEN_UP,
};

struct placement;

/* `random` seeds the pauses' jitter. */
struct placement *placement_new(uint64_t random);
void placement_destroy(struct placement **placement_p);

/* Returns the host's number, from 0 in the order of the calls. */
size_t placement_add(struct placement *placement);
/* It is not started any more; its connection, if there is one, is the caller's. */
void placement_remove(struct placement *placement, size_t host);
/* It is wanted again, and its connection is gone; only a removed one is changed. */
void placement_restore(struct placement *placement, size_t host);
/* Nobody is started any more. */
void placement_stop(struct placement *placement);

/* True: start *ret_host now. Call it until it says false; *due_us becomes the time to
 * ask again, unless it is sooner. */
bool placement_next(struct placement *placement, int64_t now_us, size_t *ret_host,
                    int64_t *due_us);
/* What is to be said of the host because of this event. */
enum placement_notice placement_on_through(struct placement *placement, size_t host,
                                           int64_t now_us);
enum placement_notice placement_on_end(struct placement *placement, size_t host,
                                       enum placement_end end, int64_t now_us);

enum placement_state placement_state(const struct placement *placement, size_t host);
size_t placement_count(const struct placement *placement, enum placement_state state);
/* No host is running, and none will be. */
bool placement_is_over(const struct placement *placement);

#endif
