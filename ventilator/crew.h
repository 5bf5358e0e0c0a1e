/* SPDX-License-Identifier: MIT */
/*
 * The crew: every worker's session, how many more tasks it has room for, and what is
 * remembered of a worker by its uuid from one session to the next. Pure data and
 * arithmetic; the rules are dispatch's.
 */
#ifndef FANFOLD_VENTILATOR_CREW_H
#define FANFOLD_VENTILATOR_CREW_H

#include "common/message.h"
#include "ventilator/book.h"

/* What outlives a session. */
struct crew_worker {
    uint32_t number; /* from 1, by order of appearance */
    struct id uuid;
    uint64_t nonce;       /* of its last HELLO */
    uint32_t doubts;      /* DONEs in a row that no sink confirmed in time */
    char *host, *command; /* as its first HELLO has them; NULL: not kept */
};

struct crew_session {
    uint32_t peer;
    uint64_t number; /* named in every message of the session: its HELLO's nonce */
    struct crew_worker *worker;
    uint32_t slots;
    enum way way;
    bool leaving;
    int64_t heard_us;    /* the last message */
    int64_t shut_us;     /* since when the way is shut; valid while it is */
    int64_t welcomed_us; /* when it was opened */
    bool crowded;    /* tasks wait behind running ones; valid in dispatch_call_back */
    bool answered;   /* its first PING has come */
    uint64_t rtt_us; /* the round trip to it, as far as it is known */
    uint64_t run_us; /* running mean of its tasks' run time; valid once `measured` */
    uint64_t length; /* running mean of its tasks' length, bytes; likewise */
    bool measured;
    struct attempt_queue owed; /* given and not done, in the order of sending */
    struct attempt_queue done; /* done and not held, oldest first */
    uint32_t owed_count, done_count;
};

struct crew {
    struct crew_session **sessions; /* ascending by peer */
    uint32_t count;
    size_t capacity;
    uint32_t slots; /* sum */
    bool learns; /* how long chunks should be is being found out: few are sent ahead */
    struct crew_worker **workers; /* by number, from index 0 */
    uint32_t worker_count;
    size_t worker_capacity;
    struct worker_index *index; /* by uuid */
};

void crew_init(struct crew *crew);
/* No session may have an attempt. */
void crew_deinit(struct crew *crew);

/* The worker of this uuid, made where it is new. Lives as long as the crew. */
struct crew_worker *crew_worker(struct crew *crew, const struct id *uuid);

/* Keeps how it calls itself and what it runs, the first time. */
void crew_name(struct crew_worker *worker, struct slice host, struct slice command);

struct crew_session *crew_find(const struct crew *crew, uint32_t peer);
/* The session of this worker; NULL: it has none. */
struct crew_session *crew_find_worker(const struct crew *crew,
                                      const struct crew_worker *worker);
/* A new session; the peer must have none. */
struct crew_session *crew_add(struct crew *crew, uint32_t peer,
                              struct crew_worker *worker, uint32_t slots);
/* Ends it; it may have no attempt. */
void crew_remove(struct crew *crew, struct crew_session *session);

/* A worker that cannot tell whether its way is open is trusted until two DONEs in a row
 * were not confirmed. */
bool crew_trusts(const struct crew_session *session);
/* How many more tasks it may be sent now; `window` is the run's. */
uint32_t crew_places(const struct crew *crew, const struct crew_session *session,
                     uint32_t window);
/* True: it would start one more task at once. */
bool crew_idle(const struct crew_session *session);
/* It takes tasks, now or when it has room. */
bool crew_serves(const struct crew_session *session);
/* A task of its, or a PING, has made the way there and back, in so long. */
void crew_measure_trip(struct crew_session *session, int64_t trip_us);
/* Of the `rest` of the work, in bytes, what the slowest slot should take at most, so
 * that all of them can end at about the same time. */
uint64_t crew_share(const struct crew *crew, uint64_t rest);
/* Takes a finished task's run time and length in bytes into the means. */
void crew_measure(struct crew_session *session, uint64_t run_us, uint64_t length);

#endif
