/* SPDX-License-Identifier: MIT */
/*
 * Completions, for a job log: one for each task, which failed for good, or whose result
 * the sink holds and of which a worker has said how long it ran. The two messages come
 * over different connections, in any order; a task that is committed before its DONE
 * comes waits for it as a late completion, no longer than the liveness time.
 *
 * All of it does nothing where nobody asked for completions.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_COMPLETIONS_H
#define FANFOLD_VENTILATOR_SCHEDULER_COMPLETIONS_H

#include "common/ring.h"
#include "ventilator/scheduler/dispatch_types.h"
#include "ventilator/scheduler/state/task_table.h"
#include "ventilator/scheduler/state/worker_pool.h"

struct completions {
    bool wanted;
    const struct task_table *table; /* borrowed, like the pool */
    const struct worker_pool *pool;
    struct ring told;             /* of struct completion */
    struct late_completion *late; /* by seq; NULL: none */
    bool all_held;                /* the run is complete: the sink has all results */
};

void completions_init(struct completions *completions, bool wanted,
                      const struct task_table *table, const struct worker_pool *pool);
void completions_deinit(struct completions *completions);

/* An attempt at `seq` has ended. The task may be committed already. */
void completions_on_run(struct completions *completions, uint64_t seq,
                        const struct task_run *run);
/* Its worker was lost, or dispatch ended it where it ran too long. */
void completions_on_cut_off(struct completions *completions,
                            const struct attempt *attempt, int64_t now_us);
/* The sink says that it has the result; the task's attempts are still open. */
void completions_on_held(struct completions *completions, struct task *task);
/* The sink has all results; the run is over. */
void completions_on_all_held(struct completions *completions);
void completions_on_given_up(struct completions *completions, struct task *task,
                             enum failure cause, uint32_t code);
/* The task leaves the table now. */
void completions_on_committed(struct completions *completions, const struct task *task,
                              int64_t now_us);

/* Tells of the tasks that were committed before this time, and waits no longer for
 * their run times. */
void completions_settle(struct completions *completions, int64_t before_us);
/* The last call: tells of all tasks that the sink holds, or that are done. */
void completions_end(struct completions *completions, int64_t now_us);

bool completions_next(struct completions *completions,
                      struct completion *ret_completion);

#endif
