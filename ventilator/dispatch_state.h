/* SPDX-License-Identifier: MIT */
/*
 * What the files of the dispatch core share, and nobody else: dispatch.c (life, time,
 * the end), dispatch_sink.c (what the sink says), dispatch_workers.c (what workers
 * say), dispatch_cut.c (what is cut), dispatch_pump.c (who gets what),
 * dispatch_losses.c (what is charged), dispatch_failures.c (what is given up),
 * dispatch_stragglers.c (what runs too long), dispatch_ends.c (what is told of each
 * task's end).
 */
#ifndef FANFOLD_VENTILATOR_DISPATCH_STATE_H
#define FANFOLD_VENTILATOR_DISPATCH_STATE_H

#include "common/queue.h"
#include "ventilator/block_size.h"
#include "ventilator/book.h"
#include "ventilator/crew.h"
#include "ventilator/dispatch.h"
#include "ventilator/run_times.h"

/* What a sink's HELLO says. */
struct sink_hello {
    uint32_t peer;
    struct id incarnation;
    uint64_t nonce;
    char endpoint[NAME_MAX_BYTES + 1];
    uint64_t max_result;
    bool finished;
};

/* The sink as it is known; there is at most one. Another that says HELLO while this one
 * is there waits until this one is gone. */
struct sink_link {
    struct sink_hello said; /* its last HELLO */
    bool here;              /* it is not known to be gone */
    bool begun;             /* its BEGIN has come since */
    struct sink_hello now;  /* the HELLO that the last BEGIN belongs to */
    int64_t heard_us;
    bool end_sent; /* since the last BEGIN */

    bool contested;
    struct sink_hello contender; /* valid while contested */
    int64_t contested_us;        /* since when; valid while contested */
};

/* A worker that came before the run had an epoch, or its header. */
struct held_hello {
    uint32_t peer;
    struct crew_worker *worker;
    uint32_t slots;
    enum way way;
};

/* An attempt that ran at a worker that was lost: charged when it is due, unless the
 * worker came back; lifted again if it comes back later. Kept as long as the task. */
struct charge {
    int64_t due_us;
    uint64_t seq;
    uint32_t attempt;
    uint32_t worker; /* crew's number */
    bool charged;
};

struct dispatch {
    struct dispatch_config config;
    struct queue actions;  /* of struct dispatch_action */
    struct queue ends;     /* of struct dispatch_end */
    struct late_end *late; /* by seq; NULL: none */
    struct book book;
    struct crew crew;
    struct sink_link sink;

    struct id run;
    uint64_t epoch;         /* 0: no BEGIN has come yet */
    uint64_t program;       /* of the first worker; 0: none came yet */
    uint64_t began_at;      /* the position of the BEGIN that started the run */
    uint64_t released;      /* all before it are written */
    uint64_t bytes;         /* of chunks that are in memory, by the budget's count */
    uint8_t mark[MARK_MAX]; /* of the BEGIN that started the run */
    uint8_t mark_size;
    uint8_t input[INPUT_MAX_BYTES]; /* of that BEGIN as well */
    uint8_t input_size;
    bool input_ended;
    bool input_failed;     /* and then `failed` is the end */
    struct verdict failed; /* valid where it has */
    bool end_told;         /* END of a complete run was sent to some sink */
    bool crew_complete;    /* there were min_workers once */

    struct held_hello *held;
    uint32_t held_count;
    size_t held_capacity;
    struct charge *charges;
    size_t charge_count;
    size_t charge_capacity;

    const struct crew_session *kept; /* is to become free of tasks, for one that runs
                                        alone; valid in dispatch_pump, NULL: none */
    struct range *except;   /* memory of dispatch_isolation; NULL: not needed yet */
    uint64_t failed_before; /* tasks with dead letters that an earlier run left */
    bool failed_known;      /* that number is; the sink's first PROGRESS says it */
    struct run_times run_times;
    struct block_size block_size; /* where the config leaves it open */
    uint64_t block_bytes;         /* of the next chunk */

    bool draining; /* what was given out is finished, and then `drained` is the end */
    struct verdict drained;
    bool stopping; /* the verdict is made, the sink has to be told */
    int64_t stopping_us;
    bool over; /* the sink has finished, or there is none to wait for */
    int64_t over_us;
    bool gone; /* DISPATCH_OVER was given out */
    struct verdict verdict;
    struct dispatch_failure failure;

    int64_t now_us;  /* of the last tick */
    int64_t mind_us; /* when sessions are looked after next */
    int64_t call_us; /* when tasks may be called back next */
    int64_t
        alone_us; /* since when sink or workers are missing; NEVER_US: they are not */
    bool had_company;
    struct dispatch_counts counts;
};

/* The action to be filled in; its kind and peer are set. */
struct dispatch_action *dispatch_act(struct dispatch *dispatch,
                                     enum dispatch_action_kind kind, uint32_t peer);
uint32_t dispatch_window(const struct dispatch *dispatch);

/* dispatch_pump.c */
bool dispatch_may_send(const struct dispatch *dispatch);
void dispatch_pump(struct dispatch *dispatch);
void dispatch_give(struct dispatch *dispatch, uint64_t seq,
                   struct crew_session *session);
/* Another session, which may have this attempt's task and would start it at once; NULL:
 * none. */
struct crew_session *dispatch_idle_for(const struct dispatch *dispatch,
                                       const struct attempt *attempt);
/* Calls back what waits behind running tasks while slots elsewhere are free, oldest
 * first; returns when it would look again. */
int64_t dispatch_call_back(struct dispatch *dispatch);

/* dispatch_workers.c */
void dispatch_on_worker_message(struct dispatch *dispatch, struct crew_session *session,
                                const struct message *message, int64_t now_us);
void dispatch_hello_worker(struct dispatch *dispatch, uint32_t peer,
                           const struct message *message, int64_t now_us);
/* Opens the sessions of the workers that came before BEGIN, or before the header was
 * known; none before both are there. */
void dispatch_welcome_held(struct dispatch *dispatch, int64_t now_us);
/* Ends a session; what it had is queued again. `lost`: what ran there is charged, if it
 * does not come back. */
void dispatch_drop(struct dispatch *dispatch, struct crew_session *session, bool lost,
                   int64_t now_us);
/* Once a heartbeat: silence, shut ways, results that nobody confirms. */
void dispatch_mind_sessions(struct dispatch *dispatch, int64_t now_us);
/* Tells the worker to take it off its ledger, whatever it does. */
void dispatch_send_forget(struct dispatch *dispatch, const struct attempt *attempt);
/* Takes the attempt off the books and tells the worker. */
void dispatch_forget(struct dispatch *dispatch, struct attempt *attempt);
/* Some worker that can be relied on has the task. */
bool dispatch_in_good_hands(const struct task *task);

/* Back into the queue, unless a worker that can be relied on has it. */
void dispatch_requeue(struct dispatch *dispatch, uint64_t seq);
/* The worker that was last given it, at this attempt, failed it. */
void dispatch_fail(struct dispatch *dispatch, struct attempt *attempt, enum failure how,
                   uint32_t code, struct slice text, int64_t now_us);

/* dispatch_failures.c */
/* Gives the task up where it failed, or was lost, as often as it may, or failed in
 * vain; true: it is given up. */
bool dispatch_give_up(struct dispatch *dispatch, uint64_t seq, enum failure how,
                      uint32_t code, struct slice text, int64_t now_us);
/* The next attempt at it is to find its bad records. */
bool dispatch_isolates(const struct dispatch *dispatch, const struct task *task);
/* Tells the sink of all that was given up and that it does not hold. */
void dispatch_skip_again(struct dispatch *dispatch);
/* Whether so many have failed that the run is to stop. */
void dispatch_mind_halt(struct dispatch *dispatch, int64_t now_us);

/* dispatch_stragglers.c */
/* How long an attempt at a chunk of this length may run that is given out now, ms; 0:
 * as long as it takes. */
uint32_t dispatch_limit_ms(struct dispatch *dispatch, uint64_t length);
/* Once a heartbeat: what runs beyond a limit that was not known when it was sent, */
void dispatch_mind_limits(struct dispatch *dispatch, int64_t now_us);
/* and what runs so long that a copy of it may be sooner. */
void dispatch_speculate(struct dispatch *dispatch, int64_t now_us);

/* dispatch_losses.c */
bool dispatch_has_attempt(const struct task *task, uint32_t number);
/* The attempt ran at a worker that was lost just now. The task is to wait for what
 * comes of it, where the loss of this attempt says where to search on. */
bool dispatch_awaits_charge(const struct dispatch *dispatch, const struct task *task,
                            const struct attempt *attempt);
void dispatch_add_charge(struct dispatch *dispatch, const struct attempt *attempt,
                         int64_t now_us);
/* A worker that came back has lost nothing. */
void dispatch_waive_charges(struct dispatch *dispatch,
                            const struct crew_worker *worker);
void dispatch_settle_charges(struct dispatch *dispatch, int64_t now_us);

/* dispatch_ends.c */
/* An attempt has ended, */
void dispatch_note_run(struct dispatch *dispatch, uint64_t seq,
                       const struct task_run *run);
/* or was ended where it ran: lost with its worker, or overdue. */
void dispatch_note_cut_off(struct dispatch *dispatch, const struct attempt *attempt,
                           int64_t now_us);
/* The sink says that it has the result; its attempts are still open. */
void dispatch_note_held(struct dispatch *dispatch, uint64_t seq, struct task *task);
/* It has all that it will have; the run is over. */
void dispatch_note_finished(struct dispatch *dispatch);
void dispatch_note_given_up(struct dispatch *dispatch, uint64_t seq, struct task *task,
                            enum failure how, uint32_t code);
/* It goes off the book now. */
void dispatch_note_committed(struct dispatch *dispatch, uint64_t seq,
                             const struct task *task);
/* Tells of what was committed before this time without waiting any longer for its run
 * time, */
void dispatch_settle_ends(struct dispatch *dispatch, int64_t before_us);
/* and, as the last thing, of all that the sink holds and that was done. */
void dispatch_tell_rest(struct dispatch *dispatch);
void dispatch_drop_ends(struct dispatch *dispatch);

/* dispatch_sink.c */
void dispatch_hello_sink(struct dispatch *dispatch, uint32_t peer,
                         const struct message *message, int64_t now_us);
void dispatch_on_sink_message(struct dispatch *dispatch, const struct message *message,
                              int64_t now_us);

/* The sink is gone: who waited for its place takes it. */
void dispatch_sink_gone(struct dispatch *dispatch, int64_t now_us);
/* Once a heartbeat: is the sink silent while another wants its place? */
void dispatch_mind_contender(struct dispatch *dispatch, int64_t now_us);

/* dispatch.c: the run is over, with the verdict that is set. */
void dispatch_finish(struct dispatch *dispatch, int64_t now_us);
/* This ventilator ends with status 5 for this reason, and tells nobody: another one may
 * take its place. */
void dispatch_leave(struct dispatch *dispatch, const char *text, int64_t now_us);
/* The run ends with status 5 for this reason. */
void dispatch_give_up_run(struct dispatch *dispatch, const char *text, int64_t now_us);

#endif
