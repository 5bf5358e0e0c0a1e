/* SPDX-License-Identifier: MIT */
/*
 * A slot with its process, and what all slots of the runner share. The bottom of this
 * folder: the other files read and write these fields, and each says which.
 */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_SLOT_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_SLOT_H

#include "worker/program/persistent/coprocess.h"
#include "worker/program/persistent/look_pace.h"
#include "worker/program/persistent/persistent_doubt.h"
#include "worker/program/slot_life.h"

#include <sys/types.h>

enum { FAULT_MAX = 512 }; /* bytes of the text of a fault */

/*
 * PREPARING   the process has not said that it is ready, taken some of a task, or
 *             answered one
 * SERVING     it has
 * OVERDUE     its task has run for too long, and it got SIGTERM; what it writes is
 *             thrown away
 * ENDING      lines: no task is left, and we have closed its input
 * KILLED      by us, with its pipes closed
 * KILLED_LATE the same, after it was overdue
 */
#define PERSISTENT_PHASES(X) \
    X(PREPARING) X(SERVING) X(OVERDUE) X(ENDING) X(KILLED) X(KILLED_LATE)

enum persistent_phase {
#define X(name) PERSISTENT_##name,
    PERSISTENT_PHASES(X)
#undef X
};

struct persistent;

/* A process is there while `life` is occupied; the phase is of it, or of the last. */
struct persistent_slot {
    struct slot_life life;
    struct persistent *persistent;
    struct coprocess coprocess;
    enum persistent_phase phase;
    pid_t pid;    /* lines; 0: not known (yet) */
    pid_t above;  /* its parent; 0: not known (yet) */
    bool met;     /* it may be given tasks: lines, it was seen to wait for input */
    bool reader;  /* lines: it was seen to wait for input */
    bool missing; /* a process is to be started, as soon as our stderr is read */
    struct persistent_doubt doubt;
    struct look_pace pace;
    bool fruitful;       /* the process has answered something */
    unsigned bursts;     /* of this process, that were confirmed */
    int64_t opened_us;   /* when the process was asked for */
    int64_t begun_us;    /* when it turned to the task that it is at */
    int64_t burst_us;    /* lines: when the burst was given */
    int64_t heard_us;    /* when it last wrote, or was given something to do */
    int64_t asked_us;    /* lines: since when it is looked at; 0: nobody has */
    int64_t look_us;     /* lines: when it is looked at again, while it is not met */
    int64_t slowest_us;  /* the longest that a task has waited for some of its answer */
    int64_t answered_us; /* lines: when all of the burst was answered */
    int64_t confirm_us;  /* lines: when that is looked at (again); 0: it is not due */
    int64_t end_us;      /* ENDING, or killed since: when it is to have ended; 0: not */
    unsigned held_ends;  /* so often it was given more time for that */
    int64_t closed_us;   /* since when a pipe of a living process is closed; 0: not */
    int64_t kill_us;     /* when SIGTERM has not been enough; 0: not due */
    enum failure fault;  /* valid with fault_text, as its code */
    uint32_t fault_code;
    char fault_text[FAULT_MAX]; /* "": none. The next task's if none is there */
};

/*
 * SILENT no process has written anything, ever
 * HINTED the same, and a person was told what may be wrong
 * HEARD  some process has
 */
#define PERSISTENT_VOICES(X) X(SILENT) X(HINTED) X(HEARD)

enum persistent_voice {
#define X(name) PERSISTENT_##name,
    PERSISTENT_VOICES(X)
#undef X
};

struct persistent {
    struct runner_context *context;
    enum program_mode mode;
    int64_t silence_us;
    enum persistent_voice voice;
    int64_t hint_us;     /* of silence, until a person is told what may be wrong */
    int64_t hint_due_us; /* not before */
    uint64_t faults;     /* between two chunks, that no task bears yet */
    bool draining;       /* no process is started, and all end */
    uint32_t careful;    /* so many tasks are given alone: one of them made trouble */
    struct persistent_slot *slots;
};

void persistent_slot_init(struct persistent_slot *slot, struct persistent *persistent,
                          uint32_t number);
void persistent_slot_deinit(struct persistent_slot *slot);

/* Asks for a process. 0, or -errno. */
int persistent_slot_start(struct persistent_slot *slot);
/* Kills the process; whatever it still writes or would take does not matter. */
void persistent_slot_kill(struct persistent_slot *slot);
/* The process is of no use any more, for what slot->fault_text says: kills it. The
 * text is reported when the process has ended. */
void persistent_slot_find_fault(struct persistent_slot *slot, enum failure cause,
                                uint32_t code);

void persistent_slot_set_phase(struct persistent_slot *slot,
                               enum persistent_phase phase);
bool persistent_slot_is_alive(const struct persistent_slot *slot);
bool persistent_slot_is_killed(const struct persistent_slot *slot);
/* It is alive, and takes tasks and answers them. */
bool persistent_slot_serves(const struct persistent_slot *slot);
/* It is alive, and what it writes counts. */
bool persistent_slot_counts(const struct persistent_slot *slot);
/* Closes its input, after which it ends by itself, until end_us at the latest. */
void persistent_slot_end(struct persistent_slot *slot, int64_t end_us);

/* The task that the process is at; NULL: none. */
struct coprocess_task *persistent_slot_at_work(struct persistent_slot *slot);
/* The process has taken something of what it was given and has not answered. */
bool persistent_slot_has_begun(struct persistent_slot *slot);

#endif
