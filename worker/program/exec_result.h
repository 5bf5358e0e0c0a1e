/* SPDX-License-Identifier: MIT */
/*
 * What a process writes: in a buffer, or in a loan, into which the kernel moves it
 * without a copy of ours in between.
 */
#ifndef FANFOLD_WORKER_PROGRAM_EXEC_RESULT_H
#define FANFOLD_WORKER_PROGRAM_EXEC_RESULT_H

#include "common/byte_buffer.h"
#include "common/loan/lender.h"
#include <sys/types.h>

struct exec_result {
    uint64_t size;             /* bytes so far */
    struct byte_buffer buffer; /* they are here, */
    struct loan *loan;         /* or here; NULL: in the buffer */
};

void exec_result_deinit(struct exec_result *result);

/* Empties it, for about `expected` bytes. They may be lent by `lender`; NULL: they may
 * not. */
void exec_result_begin(struct exec_result *result, size_t expected,
                       struct lender *lender);
/* Takes what the pipe has now: bytes, 0 at its end, or -errno. *ret_full: there may be
 * more at once. */
ssize_t exec_result_read(struct exec_result *result, int pipe, bool *ret_full);
/* Moves it into a message, and leaves it empty. `lender`: as exec_result_begin. True:
 * the message names the loan where it lies. */
bool exec_result_take(struct exec_result *result, struct lender *lender,
                      zmq_msg_t *ret_message);
/* Nobody wants it. */
void exec_result_drop(struct exec_result *result);

#endif
