/* SPDX-License-Identifier: MIT */
/*
 * One task as the loop keeps it, the cargo of its entry on the ledger: its bytes until
 * it has run, at once or in parts, its result or its failure after.
 */
#ifndef FANFOLD_WORKER_WORK_H
#define FANFOLD_WORKER_WORK_H

#include "common/message.h"
#include "worker/parts.h"
#include <zmq.h>

struct work {
    uint64_t records;
    uint32_t limit_ms;
    zmq_msg_t
        bytes; /* the chunk, or the batch that it lies in; empty once it has run */
    struct slice input;  /* in `bytes`; valid until it has run */
    struct parts *parts; /* of an ISOLATE; NULL: a TASK */
    uint64_t run_us;     /* so far, of all runs */
    zmq_msg_t result;    /* valid once it is done; else empty */
    uint64_t length;     /* of the result; after it come the bad records' bytes */
    const struct bad_record *bad; /* bad_count of them, the parts' */
    uint32_t bad_count;
    enum failure how; /* the failure, valid once it has failed */
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
/* Of an ISOLATE. */
struct work *work_new_isolate(const struct message *message, zmq_msg_t *payload,
                              const struct parts_config *config);
void work_destroy(struct work **work_p);

enum work_state {
    WORK_RUNS,  /* something is to be run */
    WORK_DONE,  /* the chunk's bytes are gone, the result is there */
    WORK_FAILED /* the chunk's bytes are gone, the failure is there */
};

/* Runs: what is to be run, the chunk or a part of it; the same until it is told how
 * that went. */
enum work_state work_next(struct work *work, struct slice *ret_input,
                          uint64_t *ret_records);
/* It has run; the result is taken. */
enum work_state work_on_done(struct work *work, uint64_t run_us, zmq_msg_t *result);
/* The text is copied. */
enum work_state work_on_failed(struct work *work, uint64_t run_us, enum failure how,
                               uint32_t code, struct slice text);
struct slice work_mark(const struct work *work);

#endif
