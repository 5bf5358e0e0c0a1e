/* SPDX-License-Identifier: MIT */
/*
 * The pool of workers: every worker's session, its credit, and what outlives a session,
 * by the worker's uuid. Pure data and arithmetic; dispatch has the rules.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_WORKER_POOL_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_WORKER_POOL_H

#include "common/protocol/message.h"
#include "ventilator/scheduler/state/drain_state.h"
#include "ventilator/scheduler/state/task_table.h"
#include "ventilator/scheduler/state/worker_health.h"

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
    unsigned compressions; /* of tasks, that it takes, by its last HELLO */
    bool unborrowed;       /* the sink could not borrow a result of its */
    bool extents; /* it takes chunks by reference: by its last HELLO, until it refuses
                     one */
    bool excused; /* what started it says that it ends for no chunk's fault */
    struct drain_state drain;
    struct worker_health health;
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
    bool crowded;        /* tasks wait behind running ones; valid in assign_recall */
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
};

struct worker_pool {
    struct worker_session **sessions; /* ascending by peer */
    uint32_t count;
    size_t capacity;
    uint32_t slots;             /* sum */
    uint32_t fixed_window;      /* 0: the window grows with the slots */
    uint32_t window;            /* tasks ahead of the first that is not released */
    uint32_t heartbeat_most_ms; /* 0: any */
    bool learns; /* the chunk sizer still measures: few tasks are sent ahead */
    struct known_worker **workers; /* by number, from index 0 */
    uint32_t worker_count;
    size_t worker_capacity;
    struct worker_index *index; /* by uuid */
};

/* A window of 0: 4096, or 4 a slot if that is more. */
void worker_pool_init(struct worker_pool *pool, uint32_t window);
/* No session may have an attempt. */
void worker_pool_deinit(struct worker_pool *pool);

/* The worker of this uuid, made where it is new. Lives as long as the pool. */
struct known_worker *worker_pool_know(struct worker_pool *pool, const struct id *uuid);

/* The same, but NULL where none has this uuid. */
struct known_worker *worker_pool_look_up(const struct worker_pool *pool,
                                         const struct id *uuid);

/* Keeps its host, process, command and place, the first time. */
void worker_pool_name(struct known_worker *worker, const struct message *hello);

/* The worker that what started it calls so, the last one where several were; NULL:
 * none. */
struct known_worker *worker_pool_find_place(const struct worker_pool *pool,
                                            const char *place);

struct worker_session *worker_pool_find(const struct worker_pool *pool, uint32_t peer);
/* The session of this worker; NULL: it has none. */
struct worker_session *worker_pool_find_worker(const struct worker_pool *pool,
                                               const struct known_worker *worker);
/* A new session; the peer must have none. */
struct worker_session *worker_pool_add(struct worker_pool *pool, uint32_t peer,
                                       struct known_worker *worker, uint32_t slots);
/* It runs so many tasks: where these are all that it is taken to have slots for, it may
 * have twice as many, as far as it says. */
void worker_pool_on_running(struct worker_pool *pool, struct worker_session *session,
                            uint32_t running);
/* Ends it; it may have no attempt. */
void worker_pool_remove(struct worker_pool *pool, struct worker_session *session);

/* How often workers and sink are to say that they live: more seldom where there are
 * thousands, but at least every heartbeat_most_ms. */
uint32_t worker_pool_heartbeat_ms(const struct worker_pool *pool);

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
uint32_t worker_pool_credit(const struct worker_pool *pool,
                            const struct worker_session *session);
/* True: it would start one more task at once. */
bool worker_session_is_idle(const struct worker_session *session);
/* It takes tasks, now or when it has credit. */
bool worker_session_serves(const struct worker_session *session);
/* The first attempt that it has, those in flight before those that are done; NULL:
 * none. */
struct attempt *worker_session_first(const struct worker_session *session);
/* A task of its, or a PING, has gone there and come back in so long. */
void worker_session_measure_trip(struct worker_session *session, int64_t trip_us);
/* How much of the `rest` of the work, in bytes, the slowest slot should take at most,
 * so that all slots end at about the same time. */
uint64_t worker_pool_share(const struct worker_pool *pool, uint64_t rest);
struct journey journey_of(const struct attempt *attempt);
/* The result is held, and DONE has not come. */
void worker_session_keep_journey(struct worker_session *session,
                                 const struct attempt *attempt);
/* DONE has come: the journey is kept no more. False: none of this attempt was kept. */
bool worker_session_take_journey(struct worker_session *session, uint64_t seq,
                                 uint32_t attempt, struct journey *ret_journey);
/* Takes a finished task's run time and length in bytes into the means. */
void worker_session_measure(struct worker_session *session, uint64_t run_us,
                            uint64_t length);

#endif
