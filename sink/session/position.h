/* SPDX-License-Identifier: MIT */
/* Where a run stands in its output: what a journal keeps, and where a sink resumes. */
#ifndef FANFOLD_SINK_SESSION_POSITION_H
#define FANFOLD_SINK_SESSION_POSITION_H

#include "common/protocol/message.h"

/* Counts cover what is written. A run that begins without a journal has only `run`; the
 * rest is zero. */
struct position {
    struct id run;
    struct id uid; /* of the ventilator that has this epoch */
    uint64_t epoch;
    uint64_t next; /* seq */
    uint64_t dead_letters;
    uint64_t failed; /* tasks that are dead letters, as a whole or in part */
    uint8_t mark[MARK_MAX];
    uint8_t mark_size;
    uint8_t input[INPUT_MAX_BYTES]; /* that the run began with */
    uint8_t input_size;
    bool finished; /* complete, and nothing follows */
};

#endif
