/* SPDX-License-Identifier: MIT */
/*
 * What the sessions add up to, and which of them suits a task best. A session that was
 * touched is counted anew before the next answer, and no other: so an answer costs the
 * same with ten workers and with ten thousand. Pure.
 *
 * Answers refresh what they are answered from, so they are no `const` of the tallies.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_WORKER_TALLIES_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_WORKER_TALLIES_H

#include "ventilator/scheduler/state/worker_session.h"

struct worker_tallies;

/* Of struct worker_part. */
struct worker_sums {
    uint64_t credit, idle, busy, behind, recalled;
    uint32_t reaching, free, crowded, awake; /* sessions */
    uint32_t hopes[PROSPECTS];               /* likewise */
    uint64_t paced;                          /* slots, and */
    double pace;                             /* their pace */
};

struct worker_tallies *worker_tallies_new(void);
void worker_tallies_destroy(struct worker_tallies **tallies_p);

void worker_tallies_add(struct worker_tallies *tallies, struct worker_session *session);
void worker_tallies_remove(struct worker_tallies *tallies,
                           struct worker_session *session);
/* The terms of everybody's credit. */
void worker_tallies_set_terms(struct worker_tallies *tallies,
                              const struct credit_terms *terms);

/* As of now; valid until the next event. */
const struct worker_sums *worker_tallies_sums(struct worker_tallies *tallies);
/* The pace of the slowest; 0: nobody has one. */
double worker_tallies_slowest(struct worker_tallies *tallies);
/* Those that rest, or whose health would have them rest: of_resting. */
struct session_list *worker_tallies_resting(struct worker_tallies *tallies);

/* How well a session suits a task where it has this rank: lower is better. The higher
 * ranks come last; then it is the fewer tasks a slot; then the older connection. */
uint64_t worker_tallies_key(uint32_t rank, const struct worker_session *session);
#define KEY_NEVER UINT64_MAX
/* All keys of ranks up to this one are below. */
uint64_t worker_tallies_key_above(uint32_t rank);

/* The session with credit that suits a new task best, but for one; NULL: none. */
struct worker_session *worker_tallies_best(struct worker_tallies *tallies,
                                           const struct worker_session *but);
/* The key that a session with credit has for some task, no lower than for a new one;
 * KEY_NEVER: it may not have it. */
typedef uint64_t session_judge(const void *context,
                               const struct worker_session *session);
/* The session that suits that task best, with a key below `below`; NULL: none. */
struct worker_session *worker_tallies_search(struct worker_tallies *tallies,
                                             uint64_t below, session_judge *judge,
                                             const void *context);

/* For tests: all is as if it were counted from the beginning. */
bool worker_tallies_are_right(struct worker_tallies *tallies);

#endif
