/* SPDX-License-Identifier: MIT */
/*
 * One task as the loop keeps it, the cargo of its entry on the ledger: its bytes until
 * it has run, its result or its failure after.
 */
#ifndef FANFOLD_WORKER_WORK_H
#define FANFOLD_WORKER_WORK_H

#include "common/message.h"
#include <zmq.h>

struct work {
    uint64_t records;
    uint32_t limit_ms;
    zmq_msg_t
        bytes; /* the chunk, or the batch that it lies in; empty once it has run */
    struct slice input; /* in `bytes`; valid until it has run */
    zmq_msg_t result;   /* valid once it is done; else empty */
    enum failure how;   /* the failure, valid once it has failed */
    uint32_t code;
    uint8_t *text; /* of the failure, text_size bytes; NULL: none */
    size_t text_size;
    struct work *next; /* in the outbox's list of what is to be freed */
    uint8_t mark_size;
    uint8_t mark[]; /* mark_size bytes */
};

/* `offset` is where the entry's bytes lie in `payload`, of which the work keeps a
 * reference, not a copy. */
struct work *work_new(const struct task_entry *entry, zmq_msg_t *payload,
                      size_t offset);
void work_destroy(struct work **work_p);

/* It has run: the chunk's bytes go, the result (taken) comes. */
void work_finish(struct work *work, zmq_msg_t *result);
/* It has failed; the text is copied. */
void work_fail(struct work *work, enum failure how, uint32_t code, struct slice text);
struct slice work_mark(const struct work *work);

#endif
