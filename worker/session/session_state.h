/* SPDX-License-Identifier: MIT */
/*
 * The struct that the files of the worker's core share. session.c has its life, the
 * ventilator's messages and the times; session_tasks.c, below it, the ledger's entries
 * and the slots; session_drain.c what only the programs' end proves; session_lost.c
 * what follows where the ventilator is lost; session_actions.c, at the bottom, the
 * actions that wait for the loop.
 */
#ifndef FANFOLD_WORKER_SESSION_SESSION_STATE_H
#define FANFOLD_WORKER_SESSION_SESSION_STATE_H

#include "common/net/liveness.h"
#include "common/protocol/endpoint_list.h"
#include "common/ring.h"
#include "worker/session/ledger.h"
#include "worker/session/session.h"
#include "worker/session/slot_table.h"

/* Each phase with those that may follow it. */
#define SESSION_PHASES(X)                                                          \
    X(SERVING, BIT(RESTING) | BIT(PARTING) | BIT(LEFT))                            \
    X(RESTING, BIT(SERVING) | BIT(LEFT)) /* between two runs, with --stay */       \
    X(PARTING, BIT(LEFT))                /* GOODBYE is sent, its answer awaited */ \
    X(LEFT, 0)

enum session_phase {
#define X(name, next) PHASE_##name,
    SESSION_PHASES(X)
#undef X
};

struct session {
    struct session_config config;
    struct ring actions; /* of struct session_action */
    struct ledger ledger;
    struct slot_table slot_table;
    struct liveness liveness;
    enum session_phase phase;
    int64_t phase_us;     /* since when */
    uint64_t nonce;       /* of the last HELLO: the session's number */
    bool hello_due;       /* a task left the ledger, and no message said so */
    bool started;         /* a task did, since the last PING */
    uint32_t announced;   /* tasks that run, and wait for PONGs before they start */
    int64_t pinged_us;    /* the last PING */
    uint32_t early_pings; /* since the last that was due by the heartbeat */

    struct id run;
    uint64_t epoch;
    struct endpoint_list endpoints; /* of the sink; tried in turn */
    uint32_t endpoint;              /* the one that is tried, or open */
    uint64_t max_result;
    enum payload_compression compression; /* of results */
    bool lends;                           /* them, to a sink that borrows */
    bool takes_parts;                     /* the sink, results that are files */
    uint8_t format[FORMAT_MAX_BYTES];
    size_t format_size;
    uint8_t *header; /* of the input, header_size bytes; NULL: none */
    size_t header_size;
    uint32_t header_out;
    enum results_link link;
    int64_t shut_us; /* when the link was opened, or shut; valid while it is shut */
    /* How far it is known that what the programs gave is right; valid with
     * config.drains. */
    bool drained;    /* all that they gave was compared */
    bool draining;   /* SESSION_DRAIN was given out, and has no answer yet */
    bool drain_owed; /* the ventilator waits for DRAINED */
    bool doubted;    /* these results may be wrong: */
    uint64_t doubt_from;
    char doubt_text[512];
    bool leaving; /* session_leave was called; serving goes on until the ledger is
                   * empty */
    char exit_reason[512];
};

/* ---- session_actions.c ---- */

/* Appends an action, of which the kind and the session's number are set; the caller
 * fills in the rest. */
struct session_action *session_act(struct session *session,
                                   enum session_action_kind kind);
struct session_action *session_act_on(struct session *session,
                                      enum session_action_kind kind,
                                      const struct ledger_task *task);
/* Takes back the results that the loop has not sent yet. They are of the epoch that
 * ends: sent later, they would bear the name of the next. */
void session_unsend_results(struct session *session);

/* ---- session_drain.c ---- */

/* The programs are to end, so that what they gave can be compared. */
void session_drain(struct session *session);
void session_on_drain(struct session *session, const struct message *message);

/* ---- session_link.c ---- */

/* Takes over the endpoints of a WELCOME, which of them to try now, and how results are
 * compressed on the way there. */
void session_take_endpoints(struct session *session, const struct message *message);
/* Opens the link to the next endpoint, if this one does not open. */
void session_check_link(struct session *session, int64_t now_us);

/* ---- session_lost.c ---- */

enum session_loss {
    LOSS_NONE,   /* the ventilator is there, or is waited for */
    LOSS_HOLDS,  /* nothing is begun until it answers, or what runs has ended */
    LOSS_LEAVES, /* the worker leaves; exit_reason says so */
};

enum session_loss session_loss(struct session *session, int64_t now_us);

/* ---- session_tasks.c ---- */

/* Takes all tasks off the ledger, and kills the slots that run some. */
void session_remove_all(struct session *session);
/* Sends the results of all done tasks to the sink, the first time or again. */
void session_send_results(struct session *session);
/* Sends a DONE of each done task to the ventilator. */
void session_send_dones(struct session *session);
void session_on_forget(struct session *session, const struct message *message);
/* Gives queued tasks to slots that have room; returns how many PINGs have to announce
 * some of them. */
uint32_t session_start_tasks(struct session *session);
/* The ventilator has answered a PING: the tasks that wait for that may start. */
void session_on_pong(struct session *session);
/* Hands back the queued tasks, or all. */
void session_hand_back(struct session *session, bool all);

#endif
