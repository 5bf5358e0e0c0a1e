/* SPDX-License-Identifier: MIT */
/* What the worker tells the ventilator of itself and of failures; the rest, which
 * travels in batches, is the outbox's own. Only makes the messages. */
#ifndef FANFOLD_WORKER_REPORT_H
#define FANFOLD_WORKER_REPORT_H

#include "worker/identity.h"
#include "worker/outbox.h"
#include "worker/session.h"

/* With the session's ledger. */
void report_hello(struct outbox *outbox, const struct identity *identity,
                  uint32_t slots, struct session *session, uint64_t nonce);
void report_ping(struct outbox *outbox, struct session *session, uint64_t number);
/* SESSION_FAILED, whose cargo is the work. */
void report_failed(struct outbox *outbox, const struct session_action *action);
void report_goodbye(struct outbox *outbox, uint64_t number);

#endif
