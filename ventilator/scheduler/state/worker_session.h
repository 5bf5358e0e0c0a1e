/* SPDX-License-Identifier: MIT */
/*
 * A worker's session, its credit and measures, and what outlives a session. Pure data
 * and arithmetic; dispatch has the rules.
 *
 * Whatever changes here that worker_tallies counts in is followed by a touch: what is
 * counted is then found anew before anybody asks for it.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_WORKER_SESSION_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_WORKER_SESSION_H

#include "common/protocol/message.h"
#include "ventilator/scheduler/state/drain_state.h"
#include "ventilator/scheduler/state/task_table.h"
#include "ventilator/scheduler/state/worker_health.h"
#include <sys/queue.h>

/* What outlives a session. */
struct known_worker {
    uint32_t number; /* from 1, by order of appearance */
    struct id uuid;
    uint64_t nonce;        /* of its last HELLO */
    uint32_t stale_hellos; /* in a row, whose nonce was not higher */
    int64_t distrusted_us; /* since when it is trusted no more; valid while it is not */
    uint32_t chances;      /* that it was given since a sink confirmed a DONE */
    uint32_t unconfirmed;  /* DONEs in a row that no sink confirmed in time */
    uint32_t pid;          /* by its first HELLO, as are the next two */
    char *host, *command;  /* NULL: no HELLO came yet */
    char
        *place; /* by that HELLO too: what started it calls it so; NULL: nothing does */
    unsigned compressions;         /* of tasks, that it takes, by its last HELLO */
    bool unborrowed;               /* the sink could not find a result of its */
    enum reference_way references; /* that it takes: by its last HELLO, until it refuses
                                      one */
    bool excused; /* what started it says that it ends for no chunk's fault */
    struct drain_state drain;
    struct worker_health health;
    struct worker_session *session;   /* NULL: it has none */
    struct dispatch_failure *failure; /* the last one of its row; NULL: none */
    bool lost;                        /* it has not come back */
    uint32_t unstarted; /* times in a row that it did not start what it was given */
};

/* An attempt's way and load, kept for its DONE: the sink's word that the result is held
 * goes another way, and may come first. */
struct journey {
    uint64_t seq;
    uint32_t attempt; /* 0: none is kept here */
    int64_t sent_us;  /* as of the attempt, as are the next two */
    int64_t missing_us;
    bool at_once;
    uint64_t length, records; /* of the chunk, as of the task */
};

enum { JOURNEYS_KEPT = 32 }; /* more at a time go unmeasured */

/* What a session adds to the tallies of all. */
struct worker_part {
    uint64_t key;      /* how well it suits a new task: lowest best */
    uint64_t pace_key; /* the same, of the slowest */
    double pace;       /* bytes that a slot goes through in a microsecond */
    uint32_t credit;
    uint32_t idle;   /* slots that would start a task at once, and may be sent one */
    uint32_t busy;   /* slots that have a task */
    uint32_t behind; /* tasks in flight, more than slots */
    uint32_t recalled;
    uint32_t paced; /* slots, where the pace is known */
    unsigned hopes; /* worker_health_hopes, where it serves */
    bool reaches;   /* its link to the sink may be open */
    bool free;      /* it has a slot without a task */
    bool crowded;   /* tasks wait behind running ones, which fill all slots */
    bool wakes;     /* it serves, and does not rest */
};

LIST_HEAD(session_list, worker_session);

struct worker_session {
    uint32_t peer;
    uint64_t number; /* named in every message of the session: its HELLO's nonce */
    struct known_worker *worker;
    uint32_t slots;         /* that it is taken to have */
    uint32_t claimed;       /* that it says it has */
    enum results_link link; /* from the worker to the sink */
    bool leaving;
    bool rests;          /* its worker does: no tasks, but a trial now and then; */
    bool on_trial;       /* one now. Both are valid in and after standing_note */
    int64_t stuck_us;    /* since when it starts nothing of what it has; 0: it does */
    int64_t heard_us;    /* the last message */
    int64_t shut_us;     /* since when the link is shut; valid while it is */
    int64_t welcomed_us; /* when it was opened */
    int64_t idle_us;     /* since when it has no task, by the heartbeat; 0: it has */
    bool answered;       /* its first PING has come */
    uint64_t rtt_us;     /* the round trip to it; 0: not known */
    uint64_t run_us; /* running mean of its tasks' run time; valid once `measured` */
    uint64_t length; /* running mean of its tasks' length, bytes; likewise */
    bool measured;
    struct journey journeys[JOURNEYS_KEPT]; /* of results that were held before DONE */
    uint32_t journey_next;                  /* the place of the next, of the oldest */
    struct attempt_queue in_flight; /* sent and not done, in the order of sending */
    struct attempt_queue done;      /* done and not held, oldest first */
    uint32_t in_flight_count, done_count;
    uint32_t running;  /* of those in flight, as its last PING said; */
    uint32_t recalled; /* of them, that it was asked to return */
    /* Of worker_tallies.c: */
    struct worker_part part;
    struct session_list
        *stale_list; /* of the tallies that count it in; NULL: none do */
    uint32_t seat;
    bool stale;  /* its part may be another now; */
    bool listed; /* it may rest: it is in the list of these */
    LIST_ENTRY(worker_session) of_stale, of_resting;
};

/* What the credit of all sessions depends on. */
struct credit_terms {
    uint64_t a_slot; /* tasks that may wait behind each: a fair share of the window */
    bool learns;     /* the chunk sizer still measures: few tasks are sent ahead */
};

/* Something changed that the tallies count in. */
void worker_session_touch(struct worker_session *session);
/* The same, of a worker that may have no session. */
void known_worker_touch(const struct known_worker *worker);

/* A worker is trusted until no sink confirmed two DONEs in a row, whatever it says of
 * its link. */
bool worker_session_is_trusted(const struct worker_session *session);
/* It is trusted no more, until a sink confirms a DONE. */
void worker_session_distrust(struct worker_session *session);
/* A sink has confirmed a DONE of it. */
void worker_session_confirm(struct worker_session *session);
/* It may show with one more task that it can be trusted. */
void worker_session_give_chance(struct worker_session *session);
/* How many more tasks it may be sent now. */
uint32_t worker_session_credit(const struct worker_session *session,
                               const struct credit_terms *terms);
/* True: it would start one more task at once. */
bool worker_session_is_idle(const struct worker_session *session);
/* It takes tasks, now or when it has credit. */
bool worker_session_serves(const struct worker_session *session);
/* The first attempt that it has, those in flight before those that are done; NULL:
 * none. */
struct attempt *worker_session_first(const struct worker_session *session);
/* A task of its, or a PING, has gone there and come back in so long. */
void worker_session_measure_trip(struct worker_session *session, int64_t trip_us);
struct journey journey_of(const struct attempt *attempt);
/* The result is held, and DONE has not come. */
void worker_session_keep_journey(struct worker_session *session,
                                 const struct attempt *attempt);
/* DONE has come: the journey is kept no more. False: none of this attempt was kept. */
bool worker_session_take_journey(struct worker_session *session, uint64_t seq,
                                 uint32_t attempt, struct journey *ret_journey);
/* Bytes that a slot of it goes through in a microsecond; 0: not known. */
double worker_session_pace(const struct worker_session *session);
/* Takes a finished task's run time and length in bytes into the means. */
void worker_session_measure(struct worker_session *session, uint64_t run_us,
                            uint64_t length);

#endif
