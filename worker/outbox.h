/* SPDX-License-Identifier: MIT */
/*
 * The messages that the worker sends. Carries out the session's actions of that kind,
 * and gathers neighbouring DONEs, RETURNEDs and small RESULTs into one message each. A
 * RESULT always leaves before the DONE that speaks of it. Owns the PUSH to the sink;
 * the DEALER to the ventilator is the uplink's.
 */
#ifndef FANFOLD_WORKER_OUTBOX_H
#define FANFOLD_WORKER_OUTBOX_H

#include "common/net/payload_codec.h"
#include "common/net/retry.h"
#include "common/net/uplink.h"
#include "worker/identity.h"
#include "worker/parts/part_results.h"
#include "worker/session/session.h"
#include "worker/task/task.h"

struct outbox;

enum { OUTBOX_ITEMS = PART_HELPERS_MAX };

/* The uplink and the codec must outlive it. Takes the writer of parts; NULL: there is
 * none. */
struct outbox *outbox_new(struct uplink *uplink, struct payload_codec *codec,
                          const struct id *uuid, struct part_writer **writer_p);
void outbox_destroy(struct outbox **outbox_p);

/* Closes the PUSH if there is one, and opens a new one. `curve`: NULL: no keys. Results
 * leave compressed where the endpoint is on another host; `lends`: those that
 * are lent leave as a name; `parts`: as files, if there is a writer. 0 or -errno. */
int outbox_open_link(struct outbox *outbox, const char *endpoint,
                     const struct curve *curve, enum payload_compression compression,
                     bool lends, bool parts);
void outbox_close_link(struct outbox *outbox);
/* Of the PUSH; NULL: there is none. */
struct connection_monitor *outbox_monitor(const struct outbox *outbox);
/* Fills in at most OUTBOX_ITEMS, for what is written to files; returns how many. */
uint32_t outbox_poll(const struct outbox *outbox, zmq_pollitem_t *items);
/* When the PUSH is to be opened anew; opening or closing it calls that off. */
struct retry *outbox_retry(struct outbox *outbox);

/* Each sends the message of the session's action of that name; its cargo is a struct
 * task. HELLO and PING list what the session has on its ledger. */
void outbox_hello(struct outbox *outbox, const struct identity *identity,
                  struct session *session, const struct session_action *action);
void outbox_ping(struct outbox *outbox, struct session *session,
                 const struct session_action *action);
void outbox_result(struct outbox *outbox, const struct session *session,
                   const struct session_action *action);
void outbox_done(struct outbox *outbox, const struct session_action *action,
                 int64_t now_us);
void outbox_failed(struct outbox *outbox, const struct session_action *action);
void outbox_returned(struct outbox *outbox, const struct session_action *action);
void outbox_drained(struct outbox *outbox, const struct session_action *action);
void outbox_doubt(struct outbox *outbox, const struct session *session,
                  const struct session_action *action);
void outbox_goodbye(struct outbox *outbox, const struct session_action *action);
/* Takes a task that is off the ledger; the next flush frees it, when no batch refers to
 * it any more. */
void outbox_drop(struct outbox *outbox, struct task *task);
/* Sends what was gathered. */
void outbox_flush(struct outbox *outbox);
/* Likewise, at the end of a turn of the loop. */
void outbox_end_turn(struct outbox *outbox, int64_t now_us);

#endif
