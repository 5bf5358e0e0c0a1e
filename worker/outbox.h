/* SPDX-License-Identifier: MIT */
/*
 * What the worker says, gathered into batches: neighbouring DONEs, RETURNEDs and small
 * RESULTs travel in one message each. A RESULT always leaves before the DONE that
 * speaks of it. Owns the PUSH to the sink; the DEALER is lent.
 */
#ifndef FANFOLD_WORKER_OUTBOX_H
#define FANFOLD_WORKER_OUTBOX_H

#include "common/message.h"
#include "common/transport.h"
#include "common/uplink.h"
#include "worker/work.h"

struct outbox;

/* The uplink must outlive it. */
struct outbox *outbox_new(struct uplink *uplink);
void outbox_destroy(struct outbox **outbox_p);

/* Closes the way to the sink if there is one, and opens a new one. 0 or -errno. */
int outbox_open_way(struct outbox *outbox, const char *endpoint);
void outbox_close_way(struct outbox *outbox);
/* NULL: there is no way. */
struct connection_monitor *outbox_monitor(const struct outbox *outbox);

/* A result; the work keeps it, for it may have to be sent again. */
void outbox_result(struct outbox *outbox, const struct id *run, uint64_t epoch,
                   uint64_t seq, uint32_t attempt, uint64_t run_us, struct work *work);
void outbox_done(struct outbox *outbox, uint64_t session, uint64_t seq,
                 uint32_t attempt, uint64_t run_us);
void outbox_returned(struct outbox *outbox, uint64_t session, uint64_t seq,
                     uint32_t attempt);
/* Any other message, after all that was gathered. */
void outbox_say(struct outbox *outbox, const struct message *message);
/* Takes a work that is off the ledger; it is freed by the next flush, when no batch
 * speaks of it any more. */
void outbox_drop(struct outbox *outbox, struct work *work);
/* Sends what was gathered. */
void outbox_flush(struct outbox *outbox);

#endif
