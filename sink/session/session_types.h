/* SPDX-License-Identifier: MIT */
/* What the sink's core and the loop around it tell each other. */
#ifndef FANFOLD_SINK_SESSION_SESSION_TYPES_H
#define FANFOLD_SINK_SESSION_SESSION_TYPES_H

#include "sink/session/position.h"

struct sink_session_config {
    struct position position;
    bool ordered;
    bool journal; /* false: committed is the same as written, no SINK_COMMIT comes */
    int64_t liveness_us; /* until WELCOME says another */
    int64_t patience_us; /* how long to wait for a ventilator; < 0: 300 s once there was
                            one, no limit before */
    uint64_t max_result; /* bytes; 0: no limit */
};

enum sink_action_kind {
    SINK_CONNECT, /* close the DEALER if there is one, open it again */
    SINK_HELLO,   /* nonce; finished from sink_session_finished */
    SINK_BEGIN,   /* uid; run, epoch, position, mark, input and held from
                     sink_session_position and _held */
    SINK_PING,
    SINK_PROGRESS, /* from sink_session_progress */
    SINK_REFUSE,   /* sink_session_refusal: tell the ventilator */
    SINK_WRITE,    /* seq, cargo: append it to the output; it is the loop's now */
    SINK_DROP,     /* cargo: not wanted any more */
    SINK_COMMIT,   /* make sink_session_position durable, then sink_session_on_committed
                      with `ticket` */
    SINK_FINISHED, /* outcome, status and text from sink_session_verdict */
    SINK_LEAVE,    /* the end: status from sink_session_verdict */
};

struct sink_action {
    enum sink_action_kind kind;
    struct id uid;
    uint64_t nonce;
    uint64_t seq;
    uint64_t ticket;
    void *cargo;
};

/* A result that the sink does not take, as it cannot be right. */
struct sink_refusal {
    struct id uuid; /* of the worker */
    uint64_t seq;
    uint32_t attempt;
    uint64_t marked; /* the seq that its mark names; seq where it names none */
    enum failure cause;
    char text[200];
};

struct sink_verdict {
    enum outcome outcome;
    int status;
    bool relayed; /* the ventilator ended the run, and has said why */
    char text[512];
};

struct sink_progress {
    uint64_t epoch;
    const struct range *held; /* newly; valid until the next event */
    uint32_t count;
    uint64_t released; /* written in full */
    uint64_t committed;
    uint64_t parked;
    uint64_t failed; /* tasks before `released` with dead letters */
};

#endif
