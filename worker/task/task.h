/* SPDX-License-Identifier: MIT */
/*
 * One task as the loop keeps it, the cargo of its entry on the ledger: the chunk's
 * bytes until it has run, at once or in parts, and then its result or its failure.
 */
#ifndef FANFOLD_WORKER_TASK_TASK_H
#define FANFOLD_WORKER_TASK_TASK_H

#include "common/parts/part.h"
#include "common/protocol/message.h"
#include "worker/task/chunk_extents.h"
#include "worker/task/part_run.h"
#include "worker/task/strip_frame.h"
#include <zmq.h>

struct task {
    uint64_t records;
    uint32_t limit_ms;
    zmq_msg_t bytes;    /* the chunk, or the batch with it; empty once it has run */
    struct slice input; /* in `bytes`; valid until it has run */
    struct chunk_extents *extents; /* the chunk by reference, which `bytes` has, until
                                      it is read into memory or has run; else NULL */
    bool direct; /* the program can be given an extent; set by the caller */
    struct file_extent extent; /* comes before the input of the run, if it has one;
                                  valid after task_next */
    enum strip_frame strip;    /* how the program gets its records; set by the caller */
    uint8_t *stripped;         /* what it gets, where that is no part of `input` */
    struct part_run *part_run; /* of an ISOLATE; NULL: a TASK */
    uint64_t run_us;           /* so far, of all runs */
    bool open;                 /* it is not proven yet that the result is right */
    zmq_msg_t result;          /* valid once it is done; else empty */
    bool lent;                 /* it only names the loan where the result lies */
    uint64_t length;           /* of the result; after it come the bad records' bytes */
    const struct bad_record *bad; /* bad_count of them, of part_run */
    uint32_t bad_count;
    enum failure cause; /* the failure, valid once it has failed */
    uint32_t code;
    uint8_t *text; /* of the failure, text_size bytes; NULL: none */
    size_t text_size;
    int64_t received_us, started_us, ended_us; /* 0: not yet */
    char part[PART_NAME_MAX]; /* the file that has the result, too; "": none */
    uint64_t part_hash;       /* of its bytes */
    bool unparted;            /* no such file could be written */
    struct task *next;        /* in the outbox's list of dropped tasks */
    uint8_t mark_size;
    uint8_t mark[]; /* mark_size bytes */
};

/* `offset` is where the entry's bytes lie in `payload`, of which the task keeps a
 * reference, not a copy. */
struct task *task_new(const struct task_entry *entry, zmq_msg_t *payload,
                      size_t offset);
/* Of TASK_BY_REFERENCE. A task without `extents` is to be refused: its file is not
 * there, or not as the reference says. */
struct task *task_new_by_reference(const struct task_entry *entry, zmq_msg_t *payload,
                                   size_t offset, struct chunk_files *files);
/* Of an ISOLATE. */
struct task *task_new_isolate(const struct message *message, zmq_msg_t *payload,
                              const struct part_run_config *config);
void task_destroy(struct task **task_p);

enum task_state {
    TASK_RUNS,  /* the chunk or a part of it has to run */
    TASK_DONE,  /* it has a result, and no bytes of the chunk any more */
    TASK_FAILED /* it has a failure, and no bytes of the chunk any more */
};

/* Runs: task->extent and then *ret_input are the input of the next run; the same one
 * until task_on_done or task_on_failed reports that run. A chunk by reference that is
 * not what was sent, before the run or after it, is FAILURE_REFERENCE, whatever came of
 * the run. A run that the program cannot be given
 * (strip_frame.h) has failed. */
enum task_state task_next(struct task *task, struct slice *ret_input,
                          uint64_t *ret_records);
/* The run went well; takes the result, or the name of a loan of `lent` bytes, where it
 * lies (lender.h; never of an ISOLATE). */
enum task_state task_on_done(struct task *task, uint64_t run_us, zmq_msg_t *result,
                             uint64_t lent);
/* The run failed; copies the text. */
enum task_state task_on_failed(struct task *task, uint64_t run_us, enum failure cause,
                               uint32_t code, struct slice text);
/* It has failed, as this worker does not know the kind. */
void task_refuse_kind(struct task *task, uint32_t kind);
/* It has failed, as its chunk by reference cannot be read, for a reason for people. */
void task_refuse_reference(struct task *task, const char *reason);
/* It has failed, as its bytes are not those that were sent. */
void task_refuse_damaged(struct task *task);
struct slice task_mark(const struct task *task);
/* From when it came until it was started; 0: it was not. */
uint64_t task_waited_us(const struct task *task);
/* Since it ended; 0: it has not. */
uint64_t task_kept_us(const struct task *task, int64_t now_us);

#endif
