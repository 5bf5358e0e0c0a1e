/* SPDX-License-Identifier: MIT */
/*
 * Carries out dispatch's actions: makes messages of them and sends them over the
 * ROUTER. Tasks for one session that follow each other travel in one message, and so do
 * FORGETs. Reports a peer that is gone to dispatch at once.
 */
#ifndef FANFOLD_VENTILATOR_OUTBOX_H
#define FANFOLD_VENTILATOR_OUTBOX_H

#include "ventilator/chunk_store.h"
#include "ventilator/scheduler/dispatch.h"
#include <czmq.h>

struct outbox;

/* Where messages go, and what WELCOME says beside what dispatch knows. All borrowed. */
struct outbox_config {
    zsock_t *router;
    struct dispatch *dispatch;
    struct chunk_store *chunk_store;
    struct id uid;
    uint32_t liveness_ms;
    uint64_t sink_buffer_bytes;
    uint32_t header_out;
    enum payload_compression compression; /* on links that take it */
    bool by_value;                        /* chunks and results all travel */
    const struct source *source;          /* for the input's fingerprint and header */
    const char *format; /* of records, as record_format_print prints it */
};

struct outbox *outbox_new(const struct outbox_config *config);
void outbox_destroy(struct outbox **outbox_p);

enum outbox_outcome {
    OUTBOX_OK,
    OUTBOX_NO_BYTES, /* a task's bytes could not be read again: source_error says why;
                        the task was not sent */
};

/* Sends the message of the action, or gathers it; of every kind but START, DISCARD and
 * OVER, which are not messages. */
enum outbox_outcome outbox_do(struct outbox *outbox,
                              const struct dispatch_action *action, int64_t now_us);
/* Sends the messages that it gathered. */
enum outbox_outcome outbox_flush(struct outbox *outbox, int64_t now_us);

/* It gathered tasks that are not sent: then nothing may be discarded. */
bool outbox_has_tasks(const struct outbox *outbox);

/* A send found a peer gone since the last call. */
bool outbox_lost_peer(struct outbox *outbox);

#endif
