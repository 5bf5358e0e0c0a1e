/* SPDX-License-Identifier: MIT */
/*
 * The pool of workers: every worker's session, its credit, and what outlives a session,
 * by the worker's uuid. Pure data and arithmetic; dispatch has the rules.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_WORKER_POOL_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_WORKER_POOL_H

#include "ventilator/scheduler/state/worker_session.h"
#include "ventilator/scheduler/state/worker_tallies.h"

struct worker_pool {
    struct worker_session **sessions; /* ascending by peer */
    uint32_t count;
    size_t capacity;
    uint32_t slots;             /* sum */
    uint32_t fixed_window;      /* 0: the window grows with the slots */
    uint32_t window;            /* tasks ahead of the first that is not released */
    uint32_t heartbeat_most_ms; /* 0: any */
    struct credit_terms terms;  /* by window and slots */
    struct worker_tallies *tallies;
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
/* A new session; peer and worker must have none. */
struct worker_session *worker_pool_add(struct worker_pool *pool, uint32_t peer,
                                       struct known_worker *worker, uint32_t slots);
/* It runs so many tasks: where these are all that it is taken to have slots for, it may
 * have twice as many, as far as it says. */
void worker_pool_on_running(struct worker_pool *pool, struct worker_session *session,
                            uint32_t running);
/* Ends it; it may have no attempt. */
void worker_pool_remove(struct worker_pool *pool, struct worker_session *session);

/* See credit_terms. */
void worker_pool_set_learns(struct worker_pool *pool, bool learns);

/* How often workers and sink are to say that they live: more seldom where there are
 * thousands, but at least every heartbeat_most_ms. */
uint32_t worker_pool_heartbeat_ms(const struct worker_pool *pool);

/* How many more tasks it may be sent now. */
uint32_t worker_pool_credit(const struct worker_pool *pool,
                            const struct worker_session *session);
/* How much of the `rest` of the work, in bytes, the slowest slot should take at most,
 * so that all slots end at about the same time. */
uint64_t worker_pool_share(const struct worker_pool *pool, uint64_t rest);

#endif
