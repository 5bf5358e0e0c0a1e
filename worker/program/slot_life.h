/* SPDX-License-Identifier: MIT */
/*
 * The life of a slot, whatever runs in it: a process is asked for, ends, or cannot be
 * started. When this host lacks something to start it, the slot backs off, longer each
 * time, and is not ready meanwhile. When nothing has started in any slot for long, or
 * process after process ends before it takes a task, the caller gives up.
 *
 * Each runner embeds one in each of its slots.
 */
#ifndef FANFOLD_WORKER_PROGRAM_SLOT_LIFE_H
#define FANFOLD_WORKER_PROGRAM_SLOT_LIFE_H

#include "worker/program/runner_context.h"

/*
 * EMPTY       no process; one can be started
 * OCCUPIED    a process was asked for, and has not ended
 * BACKING_OFF none could be started; context->backoff knows when to try again
 * PROVING     the retry: a process was asked for, which has to give a sign first
 */
#define SLOT_PHASES(X) X(EMPTY) X(OCCUPIED) X(BACKING_OFF) X(PROVING)

enum slot_phase {
#define X(name) SLOT_##name,
    SLOT_PHASES(X)
#undef X
};

struct slot_life {
    struct runner_context *context;
    uint32_t number; /* the slot's */
    enum slot_phase phase;
    bool ready_due;  /* the slot owes an event that it is ready */
    unsigned barren; /* processes in a row that ended before they took a task */
};

void slot_life_init(struct slot_life *life, struct runner_context *context,
                    uint32_t number);

/* A process was asked for. The slot is ready for tasks; after a backoff it has to prove
 * itself first, where `prove` says so. */
void slot_life_start(struct slot_life *life, bool prove);
/* A process has started in the slot: it wrote something, or ended after it ran. A slot
 * that had to prove itself is ready. */
void slot_life_on_sign(struct slot_life *life);
/* The process has ended, or what the caller had of it. */
void slot_life_on_end(struct slot_life *life);
/* The backoff is over, and the slot needs no process before it is given a task: it is
 * ready. */
void slot_life_on_retry(struct slot_life *life);
/* The process could not be started, for this errno; the caller has handed back what
 * the slot was given. Reports that the slot is not ready; it backs off. True: the
 * caller gives up, because waiting does not help. */
bool slot_life_on_unstartable(struct slot_life *life, int error);
/* Nothing can be started in the slot now: it hands back what it is given. */
bool slot_life_is_backing_off(const struct slot_life *life);

/* The last process took a task, or it took none; true: so did too many before. */
void slot_life_set_fruitful(struct slot_life *life);
void slot_life_set_barren(struct slot_life *life);
bool slot_life_is_hopeless(const struct slot_life *life);

void slot_life_report_ready(struct slot_life *life);
/* The slot reports that it is ready when the runner settles, whatever else happens. */
void slot_life_owe_ready(struct slot_life *life);
/* Reports it if it is due and the slot can take tasks. A slot that cannot (not `able`,
 * or it backs off or proves itself) reports when it can again. */
void slot_life_pay_ready(struct slot_life *life, bool able);

/* Says that a slot's process is stopped, and how it is continued. Of one that is not
 * the program's own, nobody knows by which signal. */
void slot_life_tell_stopped(const struct report *report);

#endif
