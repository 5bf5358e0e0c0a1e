/* SPDX-License-Identifier: MIT */
/* The reports of tasks, and the sentences in them. Nothing is reported of a task that
 * is muted. */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_REPORT_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_REPORT_H

#include "worker/program/persistent/persistent_slot.h"

/* What the end of a process means for what it was given. */
enum persistent_verdict {
    VERDICT_NONE,    /* nobody's fault: all comes back */
    VERDICT_BURST,   /* one of several made trouble; all come back, to be given alone */
    VERDICT_FAULT,   /* the first fails, for what fault_text says */
    VERDICT_OVERDUE, /* the first ran for too long */
    VERDICT_ENDED,   /* the program ended while it was at the first */
};

void persistent_report_unstarted(struct persistent_slot *slot,
                                 const struct coprocess_task *item);
/* The first `count` tasks, which are answered and took run_us together; lines: it is
 * shown, or not, that the answers are in step. They leave the queue. */
void persistent_report_answered(struct persistent_slot *slot, uint32_t count,
                                int64_t run_us, bool in_step);
/* The first task, of which FAULT, OVERDUE or ENDED is the verdict. It leaves the queue,
 * and the fault is forgotten. */
void persistent_report_guilty(struct persistent_slot *slot,
                              enum persistent_verdict verdict, int status,
                              uint64_t run_us);
/* Says that the results are in doubt which are not shown to be in step, because the
 * process has ended with this status. */
void persistent_report_doubt(struct persistent_slot *slot, int status);
/* The worker is broken, because process after process took no task. */
void persistent_report_hopeless(struct persistent_slot *slot, int status);

/* How a process ended, by its wait status: "exit status 3". Returns `text`. */
const char *persistent_report_end(char *text, size_t size, int status);

#endif
