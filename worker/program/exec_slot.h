/* SPDX-License-Identifier: MIT */
/* One task's process, and the bytes between it and us. */
#ifndef FANFOLD_WORKER_PROGRAM_EXEC_SLOT_H
#define FANFOLD_WORKER_PROGRAM_EXEC_SLOT_H

#include "worker/program/exec_result.h"
#include "worker/program/slot_life.h"

/*
 * AT_WORK   the process runs, or its output is still to be read
 * OVERDUE   it ran for too long, and got SIGTERM
 * TOO_LARGE its result is, and it got SIGKILL
 * KILLED    on behalf of the session: nothing is reported of the task
 */
#define EXEC_PHASES(X) X(AT_WORK) X(OVERDUE) X(TOO_LARGE) X(KILLED)

enum exec_phase {
#define X(name) EXEC_##name,
    EXEC_PHASES(X)
#undef X
};

/* All but `life` is valid while the slot is occupied by a task. */
struct exec_slot {
    struct slot_life life;
    enum exec_phase phase;
    int start_error; /* errno; 0: the process was started */
    bool reaped;     /* the process; then what follows is valid */
    int status;      /* wait status */
    bool survivors;  /* its group lives on */
    bool told;       /* it may have caught a SIGTERM of somebody else's */
    int32_t settles; /* the supervisor was asked to see to the survivors' end: the
                        token of its answer; 0: it was not */
    bool rests;      /* only to their end: the output is at its own */
    size_t heard;    /* the result's bytes when it was asked, at asked_us */
    int64_t asked_us;
    bool greedy;    /* it has used too much memory, and was killed */
    int input;      /* -1: all is written, or the program wants no more */
    int output;     /* -1: at its end */
    size_t written; /* bytes: of the header, the extent and the input */
    bool unread;    /* the extent is not there as it should be */
    int64_t started_at_us;
    int64_t read_at_us;  /* when the program first took from a full pipe; 0: not seen */
    int64_t ended_at_us; /* 0: it is at work, or read yet */
    struct program_task task;
    struct exec_result result;
};

void exec_slot_init(struct exec_slot *slot, struct runner_context *context,
                    uint32_t number);
void exec_slot_deinit(struct exec_slot *slot);

bool exec_slot_is_busy(const struct exec_slot *slot);
void exec_slot_set_phase(struct exec_slot *slot, enum exec_phase phase);

/* Starts the process of a task and writes what its stdin takes now. Where that fails,
 * slot->start_error says why, and the slot is at its end. */
void exec_slot_start(struct exec_slot *slot, const struct program_task *task);
/* Writes more of header and chunk. True: there is still more. */
bool exec_slot_write(struct exec_slot *slot);
/* Reads what is there, up to a bound. `to_end`: its end may be there, too. Kills a
 * process whose result is too large. */
void exec_slot_read(struct exec_slot *slot, bool to_end);
void exec_slot_close(struct exec_slot *slot);

#endif
