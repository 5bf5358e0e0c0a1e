/* SPDX-License-Identifier: MIT */
/*
 * Decides what the launcher does next: a state machine over three processes that it
 * never touches. In: ends of roles, signals and the time. Out: starts of roles, signals
 * to them and lines for a person.
 */
#ifndef FANFOLD_DEPLOY_LOCAL_LAUNCHER_H
#define FANFOLD_DEPLOY_LOCAL_LAUNCHER_H

#include "deploy/local/role.h"
#include <stdbool.h>
#include <stdint.h>

/* How often in a row a worker is started again without a finished task. To find a
 * record that takes the whole worker down, the ventilator halves its chunk, which costs
 * a worker each time: 2, then one a halving, and 2 more. The person hears of the first
 * LAUNCHER_RESTARTS of them. */
enum { LAUNCHER_RESTARTS = 3, LAUNCHER_RESTARTS_ISOLATE = 40 };

/* X(NAME): a role's way through its life. */
#define ROLE_STATES(X)                                                          \
    X(DUE) /* the launcher is about to start it */                              \
    X(RUNNING)                                                                  \
    X(DRAINING)    /* was sent SIGTERM, and finishes its tasks without limit */ \
    X(ASKED)       /* was sent SIGTERM */                                       \
    X(ASKED_AGAIN) /* was sent SIGTERM a second time */                         \
    X(KILLED)      /* was sent SIGKILL */                                       \
    X(ENDED)

enum role_state {
#define X(name) ROLE_##name,
    ROLE_STATES(X)
#undef X
};

/* X(NAME): a run's way through its life, which never goes back. */
#define RUN_PHASES(X)                                      \
    X(STARTING) /* roles are started, and started again */ \
    X(STOPPING) /* no role is started any more */          \
    X(HURRYING) /* nor does the launcher wait for running tasks */

enum run_phase {
#define X(name) RUN_##name,
    RUN_PHASES(X)
#undef X
};

/* How a process ended. */
struct ending {
    bool signalled;
    int code; /* the exit status, or the signal */
};

enum launcher_notice {
    NOTICE_NONE,
    NOTICE_KILLED,     /* a signal killed the role */
    NOTICE_TERMINATED, /* a SIGTERM that was not ours ended the role */
    NOTICE_RESTARTED,  /* the worker died, and the launcher starts it again */
    NOTICE_GAVE_UP,    /* the worker died once too often */
    NOTICE_STUCK,      /* the role does not end, and the launcher kills it */
};

enum launcher_action_kind {
    LAUNCHER_START,  /* role */
    LAUNCHER_SIGNAL, /* role, signal */
    LAUNCHER_SAY,    /* role, notice, ending */
};

struct launcher_action {
    enum launcher_action_kind kind;
    enum role role;
    int signal;
    enum launcher_notice notice;
    struct ending ending;
};

struct launcher_config {
    int restarts; /* of a worker, in a row without a finished task */
    bool open;    /* workers on other hosts may join */
    bool drains;  /* the input ends by a signal: what has come is always to be done */
    bool remote;  /* the worker is a process that minds those of other hosts: it has
                     done what it can when it ends */
};

/* Embedded in the loop; only the launcher touches its fields. */
struct launcher {
    struct launcher_config config;
    struct launcher_role {
        enum role_state state;
        bool ours;          /* it ended because the launcher told it to */
        bool lost;          /* a signal killed it before it could say anything */
        int status;         /* of its last end, as an exit status; 0 if ours */
        bool abrupt;        /* the next signal is SIGKILL (for a sink the one after
                               SIGTERM), without a notice */
        int64_t next_at_us; /* when the launcher sends the next signal; NEVER_US */
        int signal_due;     /* 0: none */
        enum launcher_notice notice_due;
        struct ending ending; /* of the notice */
    } roles[ROLE_COUNT];
    enum run_phase phase;
    int signal;   /* the first one that the launcher got; 0: none */
    bool alive;   /* this worker has finished a task */
    bool begun;   /* some worker has finished a task */
    int restarts; /* in a row without a finished task */
};

/* All roles are due. */
void launcher_init(struct launcher *launcher, const struct launcher_config *config);

/* The worker has finished a task. */
void launcher_on_alive(struct launcher *launcher);
/* A role has ended, or could not be started (exit status 4). */
void launcher_on_end(struct launcher *launcher, enum role role, struct ending ending,
                     int64_t now_us);
/*
 * The launcher got this signal. The first one lets the ventilator drain the run; the
 * protocol tells the others. The second one goes to the ventilator again, which then
 * stops at once, and soon to the others, if they do not end by themselves. The third
 * kills. If no task was ever finished there is nothing to drain, and the first signal
 * acts as the second, unless config.drains. Whether the run waits for running tasks.
 */
bool launcher_on_signal(struct launcher *launcher, int signal, int64_t now_us);

/* Makes signals due whose time has come. Returns when to call it next at the latest. */
int64_t launcher_tick(struct launcher *launcher, int64_t now_us);
/* The next action; false: there is none. */
bool launcher_next(struct launcher *launcher, struct launcher_action *ret_action);

/* Whether every role has ended. */
bool launcher_over(const struct launcher *launcher);
/* The run's exit status, once it is over. */
int launcher_status(const struct launcher *launcher);
/* Whether a signal killed the sink, which so could not say how to resume. */
bool launcher_sink_was_lost(const struct launcher *launcher);

#endif
