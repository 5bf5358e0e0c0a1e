/* SPDX-License-Identifier: MIT */
/*
 * The table of tasks: every task from cut to committed, and every open attempt, which
 * is one that some worker has. Pure data; dispatch has the rules.
 *
 * Invariant: an attempt is on its task's list and on its session's list, or on neither.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_TASK_TABLE_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_TASK_TABLE_H

#include "common/heap.h"
#include "common/protocol/message.h"
#include "ventilator/scheduler/state/crash_bisect.h"
#include <sys/queue.h>

struct known_worker;
struct worker_session;
struct dispatch_failure;

enum task_state {
    TASK_QUEUED,   /* to be sent; a worker that is not trusted may have an attempt */
    TASK_ASSIGNED, /* a worker has it */
    TASK_HELD,     /* the sink has its result */
    TASK_GIVEN_UP, /* it failed for good; the sink has not said yet that it knows */
};

struct attempt {
    LIST_ENTRY(attempt) of_task;
    TAILQ_ENTRY(attempt) of_session;
    struct worker_session *session;
    struct task *task; /* follows the task where the table moves it */
    uint32_t number;
    int64_t sent_us;    /* 0: a ledger named it */
    bool at_once;       /* a slot was free when it was sent */
    int64_t missing_us; /* when a slot was free for it and it was not there yet; 0:
                           never seen */
    bool running;       /* as the worker's last PING said */
    bool was_running;   /* as the one before it did; while a PING is read */
    int64_t running_us; /* since when; valid while it runs */
    uint32_t limit_ms;  /* that it was sent with; 0: none */
    bool recalled;      /* its worker was asked to return it, if it has not begun */
    bool by_value;      /* it was sent so for certain */
    bool isolates;      /* it is to find bad records */
    bool probe;      /* it isolates, and only whether its worker survives it matters */
    bool alone;      /* its worker is given nothing beside it */
    bool trial;      /* of a worker that rests */
    bool done;       /* the worker says so; nobody holds its result yet */
    int64_t done_us; /* when it said so; valid while done */
};

/* How the last attempt at a task ended, where completions are told. */
struct task_run {
    int64_t ended_us; /* when dispatch heard of it */
    uint64_t run_us;
    uint32_t worker; /* its number in the pool; 0: not known */
    bool well;       /* else cause and code are valid */
    enum failure cause;
    uint32_t code;
};

/* A worker at which a task has failed. */
struct failed_at {
    struct failed_at *next;
    struct known_worker *worker;
    uint32_t charged; /* attempts there that count as the task's failures */
    uint32_t round;   /* of the worker's health when it failed there last */
    bool outdone;     /* another worker has done the task since */
};

LIST_HEAD(attempt_list, attempt);
TAILQ_HEAD(attempt_queue, attempt);

struct task {
    struct attempt_list open; /* the attempts that workers have */
    uint64_t seq;
    uint64_t length;             /* bytes of the chunk */
    uint64_t records;            /* in it; 0: not counted */
    uint32_t attempts;           /* the number of the last one */
    uint32_t fails;              /* attempts charged to it as failed */
    uint32_t charges_pending;    /* losses that may be charged to it yet */
    uint32_t losses;             /* attempts charged to it as lost with their workers */
    struct failed_at *failed_at; /* where it failed; NULL: nowhere */
    int64_t patient_us; /* until then it waits for a worker that may do better; valid
                           where it has failed */
    struct crash_bisect *bisect; /* looks for records that take workers down; NULL: not
                                    needed */
    struct dispatch_failure *failure; /* why it was given up; NULL: it was not. Kept
                                         while the sink holds it: a sink may lose it */
    enum task_state state;
    bool by_value;      /* a reference to it was refused: it is not sent so again */
    bool returned;      /* its last attempt was, unbegun: the next is no retry */
    bool resend_listed; /* in resend_queue */
    bool told;          /* as a completion */
    struct task_run run;
};

struct task_table {
    struct task *tasks;       /* a ring by seq */
    uint64_t capacity;        /* a power of two */
    uint64_t first;           /* the first seq here: all before it are committed */
    uint64_t cut;             /* the next seq to be cut */
    uint64_t fresh;           /* the first seq that was never sent */
    struct heap resend_queue; /* by seq, of queued tasks before fresh; it may name seqs
                                that are no longer queued */
};

void task_table_init(struct task_table *table);
void task_table_deinit(struct task_table *table);
/* Begins at `position`; the table must be empty. */
void task_table_begin(struct task_table *table, uint64_t position);

/* NULL: not in the table. Borrowed until the next task_table_add. */
static inline struct task *task_table_find(const struct task_table *table, uint64_t seq)
{
    if (seq < table->first || seq >= table->cut)
        return NULL;
    return &table->tasks[seq & (table->capacity - 1)];
}
/* A new task at the end, queued; returns its seq. */
uint64_t task_table_add(struct task_table *table, uint64_t length, uint64_t records);
/* Removes the first task; nobody may have an attempt at it. */
void task_table_remove_first(struct task_table *table);

/* A task that was sent is to be sent (again). */
void task_table_requeue(struct task_table *table, struct task *task);
/* Takes the task of the lowest seq that is to be sent again; NULL: none. */
struct task *task_table_take_resend(struct task_table *table);

/* Somebody has to do it, or is doing it; NULL: it is not in the table. */
static inline bool task_is_wanted(const struct task *task)
{
    return task && (task->state == TASK_QUEUED || task->state == TASK_ASSIGNED);
}
/* One that may take its worker down takes everything there with it, and tasks that are
 * lost together with the guilty one would be charged as well: so it runs with nothing
 * beside it. One loss may be chance. */
static inline bool task_runs_alone(const struct task *task)
{
    return task->bisect || task->losses > 1;
}
/* Where it failed at this worker; NULL: it has not, or there is no task. */
struct failed_at *task_failed_at(const struct task *task,
                                 const struct known_worker *worker);
/* The same, made where it is new. */
struct failed_at *task_fail_at(struct task *task, struct known_worker *worker);

/* Some worker has this attempt at it. */
bool task_has_attempt(const struct task *task, uint32_t number);
/* The attempt at it that `session` has; NULL: it has none, or there is no task. */
struct attempt *task_attempt_at(const struct task *task,
                                const struct worker_session *session);

#endif
