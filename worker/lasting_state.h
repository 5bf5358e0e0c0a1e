/* SPDX-License-Identifier: MIT */
/*
 * What the parts of lasting.h share: lasting.c moves bytes and tasks, lasting_time.c
 * minds times, lasting_tell.c tells, lasting_wreck.c settles what a process leaves
 * behind when it ends. Nobody else includes this.
 */
#ifndef FANFOLD_WORKER_LASTING_STATE_H
#define FANFOLD_WORKER_LASTING_STATE_H

#include "worker/coprocess.h"
#include "worker/lasting.h"

enum {
    READS_MAX = 16,  /* of one slot at a time */
    FAULT_MAX = 512, /* bytes of what is said of a fault */
};

struct lasting_slot {
    struct coprocess coprocess;
    bool alive;         /* a process was asked for, and has not ended */
    bool absent;        /* none can be started now */
    bool ready_due;     /* tell that it is ready */
    bool prepared;      /* it has said so, taken some of a task, or answered one */
    bool killed;        /* by us: what it says does not count any more */
    bool overdue;       /* its task has run for too long; it was told to end */
    bool fruitful;      /* it has answered something in this life */
    unsigned fruitless; /* lives in a row that took nothing */
    unsigned bursts;    /* confirmed in this life */
    int64_t opened_us;  /* when the process was asked for */
    int64_t begun_us;   /* when it turned to the task that it is at */
    int64_t burst_us;   /* lines: when the burst was given */
    int64_t heard_us;   /* when it last wrote, or was given something to do */
    int64_t confirm_us; /* lines: when the burst is confirmed; 0: it is not due */
    int64_t closed_us;  /* since when a pipe of a living process is closed; 0: not */
    int64_t kill_us;    /* when SIGTERM has not been enough; 0: not due */
    enum failure fault; /* valid with fault_text, as its code */
    uint32_t fault_code;
    char fault_text[FAULT_MAX]; /* "": none. It is the next task's if none is there */
};

struct lasting {
    struct stage *stage;
    enum program_mode mode;
    int64_t silence_us;
    int64_t hint_us;     /* of silence, until it is said what may be wrong */
    int64_t hint_due_us; /* not before */
    bool hinted;         /* it was said */
    bool voiced;         /* some process has written something */
    struct lasting_slot *slots;
    uint32_t careful; /* so many tasks are given alone: one of them made trouble */
    bool ending;      /* nothing is told, nothing is started */
};

/* lasting.c. 0, or -errno. */
int lasting_start_process(struct lasting *lasting, uint32_t number);
/* Whatever it still writes or would take does not matter. */
void lasting_kill_process(struct lasting *lasting, uint32_t number);
/* The process is of no use any more; slot->fault_text says why. */
void lasting_find_fault(struct lasting *lasting, uint32_t number, enum failure how,
                        uint32_t code);
/* The task that the process is at; NULL: none. */
struct coprocess_task *lasting_at_work(struct lasting_slot *slot);
/* The process has taken something of what it was given and has not answered. */
bool lasting_has_begun(struct lasting_slot *slot);
/* Reads what is there, at most so many times, and makes of it what it is. */
void lasting_hear(struct lasting *lasting, uint32_t number, unsigned reads);
/* Lines: the burst was answered with as many lines as it has. */
void lasting_confirm(struct lasting *lasting, uint32_t number);

/* lasting_time.c. Sets the slot's alarm anew. */
void lasting_mind_time(struct lasting *lasting, uint32_t number);

/* What the end of a process means for what it was given. */
enum lasting_verdict {
    VERDICT_NONE,    /* nobody's fault: all comes back */
    VERDICT_BURST,   /* one of several has made trouble; all come back, to be alone */
    VERDICT_FAULT,   /* the first fails, for what fault_text says */
    VERDICT_OVERDUE, /* it ran for too long */
    VERDICT_ENDED,   /* the program ended while it was at it */
};

/* lasting_wreck.c. Tells of all tasks that they were not started. */
void lasting_hand_back(struct lasting *lasting, uint32_t number);

/* lasting_tell.c */
void lasting_tell_unstarted(struct lasting *lasting, uint32_t number,
                            const struct coprocess_task *item);
/* The first `count` tasks, which are answered, and leave the queue; they took run_us
 * together. */
void lasting_tell_answered(struct lasting *lasting, uint32_t number, uint32_t count,
                           int64_t run_us);
/* The first task, of which FAULT, OVERDUE or ENDED is the verdict. */
void lasting_tell_guilty(struct lasting *lasting, uint32_t number,
                         enum lasting_verdict verdict, int status, uint64_t run_us);
void lasting_give_up(struct lasting *lasting, uint32_t number, int status);

#endif
