/* SPDX-License-Identifier: MIT */
/*
 * What the files of the sink's core share, and nobody else: session.c (its life,
 * results, time), session_epoch.c (from WELCOME to BEGIN) and session_end.c.
 */
#ifndef FANFOLD_SINK_SESSION_STATE_H
#define FANFOLD_SINK_SESSION_STATE_H

#include "common/contact.h"
#include "common/queue.h"
#include "sink/commits.h"
#include "sink/news.h"
#include "sink/sequence.h"
#include "sink/session.h"

struct sink_session {
    struct sink_session_config config;
    struct queue actions; /* of struct sink_action */
    struct contact contact;
    uint64_t nonce; /* of the last HELLO */
    struct sequence sequence;
    struct commits commits;
    struct news news;

    struct id run;
    struct id uid; /* of the ventilator that has this epoch */
    uint64_t epoch;
    uint8_t input[INPUT_MAX_BYTES], offered[INPUT_MAX_BYTES];
    uint8_t input_size, offered_size; /* the run's; the last WELCOME's */
    uint64_t buffer;
    uint32_t header_out;
    bool told;       /* WELCOME has come: how results are to be written is known */
    bool begin_owed; /* to begin_uid */
    struct id begin_uid;

    bool ended;          /* END has come, or the sink gave up */
    bool failed;         /* the sink gave up: what is given out is not waited for */
    bool parted;         /* nobody is there to be told of the end */
    bool journal_lost;   /* nothing more can be committed */
    uint64_t total;      /* valid once ended with OUTCOME_COMPLETE */
    bool final;          /* all is written, and to be committed as such */
    bool finished;       /* all is safe: FINISHED may be said */
    int64_t finished_us; /* since when; or the start */
    int64_t told_us;     /* the last FINISHED; 0: none */
    bool dismissed;      /* GOODBYE has come */
    bool left;
    struct sink_verdict verdict;
};

/* session.c */
/* The action to be filled in; its kind is set. */
struct sink_action *sink_session_act(struct sink_session *session,
                                     enum sink_action_kind kind);
/* What is written up to now. */
void sink_session_commit(struct sink_session *session, int64_t now_us);
void sink_session_leave(struct sink_session *session);

/* session_epoch.c */
void sink_session_on_welcome(struct sink_session *session,
                             const struct message *message, int64_t now_us);
/* BEGIN only once the journal has the epoch, and nothing of the old one is on its way
 * to the output. */
void sink_session_mind_begin(struct sink_session *session, int64_t now_us);

/* session_end.c */
/* Nothing speaks against a complete output. */
bool sink_session_complete(const struct sink_session *session);
void sink_session_on_end(struct sink_session *session, const struct message *message,
                         int64_t now_us);
void sink_session_on_goodbye(struct sink_session *session, int64_t now_us);
void sink_session_on_reject(struct sink_session *session, const struct message *message,
                            int64_t now_us);
/* No ventilator comes any more. */
void sink_session_give_up(struct sink_session *session, int64_t now_us);
/* Everything is written, or what was in order when the run was stopped; then it has to
 * be safe. */
void sink_session_mind_end(struct sink_session *session, int64_t now_us);
/* FINISHED again and again, until GOODBYE or the time limit: no protocol can do
 * without. Returns when it is due again. */
int64_t sink_session_tell_finished(struct sink_session *session, int64_t now_us);

#endif
