/* SPDX-License-Identifier: MIT */
/*
 * Carries dispatch's actions out: makes messages of them and sends them over the
 * ROUTER. Tasks for one session that follow each other travel in one message, and so do
 * FORGETs. A peer that is gone is reported to dispatch at once.
 */
#ifndef FANFOLD_VENTILATOR_DELIVERY_H
#define FANFOLD_VENTILATOR_DELIVERY_H

#include "common/transport.h"
#include "ventilator/dispatch.h"
#include "ventilator/store.h"

struct delivery;

/* What WELCOME says beside what dispatch knows, and where messages go. All borrowed. */
struct delivery_config {
    zsock_t *router;
    struct dispatch *dispatch;
    struct store *store;
    struct id uid;
    uint32_t liveness_ms;
    uint64_t sink_buffer_bytes;
    uint32_t header_out;
    const struct source *source; /* what names the input, and what it begins with */
    const char *format;          /* of its records, as common/records.h prints it */
};

struct delivery *delivery_new(const struct delivery_config *config);
void delivery_destroy(struct delivery **delivery_p);

enum delivery_outcome {
    DELIVERY_OK,
    DELIVERY_NO_BYTES, /* a task's bytes could not be read again: source_error; the
                          task was not sent */
};

/* Sends, or gathers, what the action asks for; every kind but START, DISCARD and OVER,
 * which are not messages. */
enum delivery_outcome delivery_do(struct delivery *delivery,
                                  const struct dispatch_action *action, int64_t now_us);
/* Sends what was gathered. */
enum delivery_outcome delivery_flush(struct delivery *delivery, int64_t now_us);

/* True if tasks were gathered and not sent: then nothing may be discarded. */
bool delivery_has_tasks(const struct delivery *delivery);

/* True if a peer was found gone since this was last asked. */
bool delivery_lost_peer(struct delivery *delivery);

#endif
