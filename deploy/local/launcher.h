/* SPDX-License-Identifier: MIT */
/*
 * What the launcher does next: a state machine over three processes that it never
 * touches. Ends of roles, signals and the time go in; starts, signals to roles and
 * lines for a person come out.
 */
#ifndef FANFOLD_DEPLOY_LOCAL_LAUNCHER_H
#define FANFOLD_DEPLOY_LOCAL_LAUNCHER_H

#include "deploy/local/role.h"
#include <stdbool.h>
#include <stdint.h>

/* Times that a worker is started again in a row without a finished task. A record that
 * takes the whole worker down is found by halving its chunk, which costs a worker each
 * time: 2 and then as often as the number of records can be halved, and 2. Of these, as
 * many as are usual are told. */
enum { LAUNCHER_RESTARTS = 3, LAUNCHER_RESTARTS_ISOLATE = 40 };

/* X(NAME, text): a role's way through its life. */
#define ROLE_STATES(X)                                         \
    X(DUE, "due") /* to be started */                          \
    X(RUNNING, "running")                                      \
    X(ASKED, "asked")     /* was sent SIGTERM */               \
    X(PRESSED, "pressed") /* was sent SIGTERM a second time */ \
    X(KILLED, "killed")   /* was sent SIGKILL */               \
    X(ENDED, "ended")

enum role_state {
#define X(name, text) ROLE_##name,
    ROLE_STATES(X)
#undef X
};

/* How a process ended. */
struct ending {
    bool signalled;
    int code; /* the exit status, or the signal */
};

enum launcher_notice {
    NOTICE_NONE,
    NOTICE_KILLED,     /* the role died from a signal */
    NOTICE_TERMINATED, /* from SIGTERM, which was not ours */
    NOTICE_RESTARTED,  /* the worker died, and is started again */
    NOTICE_GAVE_UP,    /* the worker died once too often */
    NOTICE_STUCK,      /* the role does not end, and is killed */
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
    int restarts; /* of a worker in a row without a finished task */
    bool open;    /* workers of other hosts may take part */
};

/* Embedded in the loop; its fields are the launcher's own. */
struct launcher {
    struct launcher_config config;
    struct launcher_role {
        enum role_state state;
        bool ours;          /* it ended because it was told to */
        bool lost;          /* it was killed, and could say nothing */
        bool drains;        /* asked to finish what runs, however long that takes */
        int status;         /* of its last end, as an exit status; 0 when ours */
        bool abrupt;        /* SIGKILL is the signal, for a sink the second one, and
                               nothing is said of it */
        int64_t next_at_us; /* when it is sent the next signal; NEVER_US */
        int signal_due;     /* 0: none */
        enum launcher_notice notice_due;
        struct ending ending; /* of the notice */
    } roles[ROLE_COUNT];
    int signal;    /* that the launcher got first; 0: none */
    bool hurried;  /* and by now nobody waits for what runs */
    bool stopping; /* nothing is started any more */
    bool alive;    /* this worker has finished a task */
    bool begun;    /* some worker has finished a task */
    int restarts;  /* in a row without a finished task */
};

/* All roles are due. */
void launcher_init(struct launcher *launcher, const struct launcher_config *config);

/* The worker that runs has finished a task. */
void launcher_on_alive(struct launcher *launcher);
/* A role has ended, or could not be started (exit status 4). */
void launcher_on_end(struct launcher *launcher, enum role role, struct ending ending,
                     int64_t now_us);
/*
 * The launcher got this signal. The first lets the ventilator drain the run; the others
 * hear of that by the protocol. The next one tells the ventilator again, which then
 * stops at once, and soon the others too, if they do not end by that. One more kills.
 * Where no task was ever finished there is nothing to drain, and the first does what
 * else the second does. Whether what runs is waited for.
 */
bool launcher_on_signal(struct launcher *launcher, int signal, int64_t now_us);

/* Minds the time; returns when it must be called again at the latest. */
int64_t launcher_tick(struct launcher *launcher, int64_t now_us);
/* The next action; false: there is none. */
bool launcher_next(struct launcher *launcher, struct launcher_action *ret_action);

/* Whether every role has ended. */
bool launcher_over(const struct launcher *launcher);
/* The run's exit status, once it is over. */
int launcher_status(const struct launcher *launcher);
/* Whether the sink was killed, and so could not say how to go on. */
bool launcher_sink_was_lost(const struct launcher *launcher);

#endif
