/* SPDX-License-Identifier: MIT */
/*
 * What the files of the worker's core share, and nobody else: session.c (its life, what
 * the ventilator says, time) and session_tasks.c (the ledger's entries and the slots).
 */
#ifndef FANFOLD_WORKER_SESSION_STATE_H
#define FANFOLD_WORKER_SESSION_STATE_H

#include "common/contact.h"
#include "common/queue.h"
#include "worker/ledger.h"
#include "worker/seats.h"
#include "worker/session.h"

enum { ANNOUNCEMENTS = 2 /* PINGs, and PONGs to wait for */ };

enum phase {
    PHASE_SERVING,
    PHASE_RESTING, /* between two runs, with --stay */
    PHASE_PARTING, /* GOODBYE is said, its answer awaited */
    PHASE_LEFT,
};

struct session {
    struct session_config config;
    struct queue actions; /* of struct session_action */
    struct ledger ledger;
    struct seats seats;
    struct contact contact;
    enum phase phase;
    int64_t phase_us;   /* since when */
    uint64_t nonce;     /* of the last HELLO: the session's number */
    bool unsaid;        /* since it was sent, something left the ledger */
    bool started;       /* since the last PING, something was */
    uint32_t announced; /* tasks that run, and wait for echoes before they start */
    int64_t pinged_us;  /* the last PING */
    uint32_t news;      /* PINGs since the last heartbeat that tell what was started */

    struct id run;
    uint64_t epoch;
    char endpoint[NAME_MAX_BYTES + 1];
    uint64_t max_result;
    uint8_t format[FORMAT_MAX_BYTES];
    size_t format_size;
    uint8_t *header; /* of the input, header_size bytes; NULL: none */
    size_t header_size;
    uint32_t header_out;
    enum way way;
    bool leaving;
    char farewell[512];
};

/* The action to be filled in; its kind and session are set. */
struct session_action *session_act(struct session *session,
                                   enum session_action_kind kind);

/* session_tasks.c */
/* All tasks off the ledger; their slots are killed. */
void session_remove_all(struct session *session);
/* What is done is sent (again): its result to the sink, */
void session_send_results(struct session *session);
/* that it is done to the ventilator, */
void session_say_done(struct session *session);
/* and what waits to be sent is not: it is of the epoch that ends. Sent later, it would
 * bear the name of the next. */
void session_unsend_results(struct session *session);
void session_on_forget(struct session *session, const struct message *message);
/* Gives queued tasks to slots that have room; returns how many PINGs are to announce
 * some of them. */
uint32_t session_start_tasks(struct session *session);
/* The ventilator has answered a PING: what waits for that may start. */
void session_on_echo(struct session *session);
/* Hands back what is queued, or all. */
void session_hand_back(struct session *session, bool all);

#endif
