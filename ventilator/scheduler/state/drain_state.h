/* SPDX-License-Identifier: MIT */
/*
 * Results that only the end of a program proves (PROTOCOL.md, "Results in doubt"): how
 * far those of one worker are proven. Pure.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_DRAIN_STATE_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_DRAIN_STATE_H

#include "common/protocol/message.h"

#define NEVER_SEQ UINT64_MAX

/* All fields but the first are valid where that is true. */
struct drain_state {
    bool drains;        /* the worker says that it is such a one */
    bool gave;          /* it gave results of this run, or may have before we met it */
    bool due;           /* it may have given results since its last DRAINED */
    bool asked;         /* DRAIN was sent in this session since */
    bool opens;         /* some DONE of its was open, or none has come yet */
    uint64_t open_from; /* the lowest seq of an open DONE; NEVER_SEQ: none */
    uint64_t unsaid_from; /* of a result that is known before its DONE; likewise */
    uint32_t unsaid;      /* so many, at most */
    int64_t gone_us; /* since when it is lost with such results; NEVER_US: it is not */
};

/* Whether a HELLO names the capability. */
bool drain_state_named(const struct message *hello);
/* A HELLO. A worker that served another ventilator in this run may have given it
 * results that the output has. */
void drain_state_on_hello(struct drain_state *drain, const struct message *hello,
                          bool same_run);
/* A HELLO's ledger, of this run and epoch: of what is done the DONE follows, if the
 * worker is not lost before. */
void drain_state_on_ledger(struct drain_state *drain, const struct ledger_entry *entry);
/* `first`: neither the sink nor a ledger has told of the result. */
void drain_state_on_done(struct drain_state *drain, const struct done_entry *entry,
                         bool first);
/* The sink holds the result of an attempt that is not done yet, as far as we know. */
void drain_state_on_held(struct drain_state *drain, uint64_t seq);
void drain_state_on_drained(struct drain_state *drain);
void drain_state_on_lost(struct drain_state *drain, int64_t now_us);
/* The lowest seq in doubt if the worker does not come back; NEVER_SEQ: none is. */
uint64_t drain_state_doubt(const struct drain_state *drain);
/* It is lost, and may come back. */
bool drain_state_is_gone(const struct drain_state *drain);

#endif
