/* SPDX-License-Identifier: MIT */
/*
 * What the files of the sink's core share, and nobody else. They call each other
 * downwards only: session.c, epoch.c, ending.c, actions.c.
 */
#ifndef FANFOLD_SINK_SESSION_STATE_H
#define FANFOLD_SINK_SESSION_STATE_H

#include "common/net/liveness.h"
#include "common/ring.h"
#include "sink/session/commit_schedule.h"
#include "sink/session/phase.h"
#include "sink/session/progress.h"
#include "sink/session/release_queue.h"
#include "sink/session/session_types.h"

enum ventilator_farewell {
    VENTILATOR_STAYS,
    VENTILATOR_GONE, /* for good: nobody is there to be told of the end */
    VENTILATOR_SAID_GOODBYE,
};

/* epoch.c changes it. */
struct sink_epoch {
    enum sink_epoch_phase phase;
    struct id uid; /* of the ventilator that has it */
    uint64_t number;
    uint8_t input[INPUT_MAX_BYTES], offered[INPUT_MAX_BYTES];
    uint8_t input_size, offered_size; /* the run's; the last WELCOME's */
};

/* ending.c changes it. */
struct sink_ending {
    enum sink_phase phase;
    enum ventilator_farewell farewell;
    uint64_t total;       /* tasks; valid in COMPLETING and SAVING */
    int64_t finished_us;  /* when FINISHED began; or the start */
    int64_t announced_us; /* the last FINISHED; 0: none */
    struct sink_verdict verdict;
};

struct sink_session {
    struct sink_session_config config;
    struct ring actions;         /* of struct sink_action */
    struct ring refusals;        /* of struct sink_refusal: one for each SINK_REFUSE */
    struct sink_refusal refusal; /* of the last SINK_REFUSE */
    struct liveness liveness;
    uint64_t nonce; /* of the last HELLO */
    struct release_queue queue;
    struct commit_schedule commit_schedule;
    struct progress progress;
    struct sink_epoch epoch;
    struct sink_ending ending;
    uint64_t buffer;     /* bytes; as the last WELCOME says */
    uint32_t header_out; /* lines; valid once the epoch is not UNKNOWN */
};

#endif
