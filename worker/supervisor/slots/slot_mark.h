/* SPDX-License-Identifier: MIT */
/* The words in the environment of a slot's programs, by which a process is known as the
 * slot's when it has left its group and lost its parent. */
#ifndef FANFOLD_WORKER_SUPERVISOR_SLOTS_SLOT_MARK_H
#define FANFOLD_WORKER_SUPERVISOR_SLOTS_SLOT_MARK_H

#include <stdint.h>
#include <sys/types.h>

struct slot_mark {
    char words[3][40]; /* "FANFOLD_SLOT=1"; "": not needed */
};

/* Of a program that is for all tasks of the slot. */
void slot_mark_init(struct slot_mark *mark, uint32_t slot);
/* Of a program that is for one task. */
void slot_mark_init_task(struct slot_mark *mark, uint32_t slot, uint64_t seq,
                         uint32_t attempt);

enum slot_mark_answer {
    SLOT_MARK_NONE,  /* it bears none, or hides it */
    SLOT_MARK_OTHER, /* it bears another one */
    SLOT_MARK_SAME,
};
/* From the environment with which the process was executed. */
enum slot_mark_answer slot_mark_of(const struct slot_mark *mark, pid_t pid);

#endif
