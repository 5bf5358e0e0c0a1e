/* SPDX-License-Identifier: MIT */
/*
 * From what a process writes to reports of its tasks. In frames each result is reported
 * as it comes. In lines a burst (coprocess.h) is reported when all of it is answered
 * and nothing more is to be expected (persistent_quiet.h).
 */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_ANSWERS_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_ANSWERS_H

#include "worker/program/persistent/persistent_slot.h"

enum {
    PERSISTENT_READS_MAX = 16,   /* of one slot at a time */
    PERSISTENT_FIRST_BURSTS = 2, /* of a process, with which we take our time */
};

/* Reads what is there, at most so many times, parses it and reports what is due. */
void persistent_answers_read(struct persistent_slot *slot, unsigned reads);
/* Parses what was read. */
void persistent_answers_parse(struct persistent_slot *slot);
/* Frames: reports the answers to requests that are written as a whole. */
void persistent_answers_report(struct persistent_slot *slot, int64_t run_us);
/* Lines: the burst was answered with as many lines as it has; reports it. It is shown,
 * or not, that these answers and all before are in step. */
void persistent_answers_confirm(struct persistent_slot *slot, bool in_step);

#endif
