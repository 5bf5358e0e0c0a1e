/* SPDX-License-Identifier: MIT */
#include "worker/program/exec_result.h"
#include "common/files/read_all_at.h"
#include "common/loan/loan_name.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPLICE_BYTES = 1 << 20 }; /* of a call: the longest pipe that we make */

static void leave_loan(struct exec_result *result)
{
    if (result->loan)
        loan_drop(result->loan);
    result->loan = NULL;
}

void exec_result_drop(struct exec_result *result)
{
    leave_loan(result);
    result->size = result->buffer.size = 0;
}

void exec_result_deinit(struct exec_result *result)
{
    leave_loan(result);
    byte_buffer_deinit(&result->buffer);
}

void exec_result_begin(struct exec_result *result, size_t expected,
                       struct lender *lender)
{
    exec_result_drop(result);
    if (lender)
        result->loan = lender_take(lender, expected);
    if (!result->loan)
        byte_buffer_begin(&result->buffer, expected);
}

/* What is in the loan goes on as any other result. */
static void fetch(struct exec_result *result)
{
    byte_buffer_begin(&result->buffer, result->size);
    if (!read_all_at(loan_fd(result->loan), result->buffer.data, result->size,
                     LOAN_HEAD))
        abort(); /* it is there: nobody else writes to it */
    result->buffer.size = result->size;
    leave_loan(result);
}

static ssize_t read_to_loan(struct exec_result *result, int pipe, bool *ret_full)
{
    off_t to = (off_t)(LOAN_HEAD + result->size);
    ssize_t got = splice(pipe, NULL, loan_fd(result->loan), &to, SPLICE_BYTES,
                         SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    *ret_full = got == SPLICE_BYTES;
    return got < 0 ? -errno : got;
}

static ssize_t read_to_buffer(struct exec_result *result, int pipe, bool *ret_full)
{
    size_t room = byte_buffer_room(&result->buffer);
    ssize_t got = read(pipe, result->buffer.data + result->buffer.size, room);
    if (got < 0)
        return -errno;
    result->buffer.size += (size_t)got;
    *ret_full = (size_t)got == room;
    return got;
}

ssize_t exec_result_read(struct exec_result *result, int pipe, bool *ret_full)
{
    ssize_t got = 0;
    if (result->loan) {
        got = read_to_loan(result, pipe, ret_full);
        if (got < 0 && got != -EAGAIN && got != -EINTR)
            fetch(result); /* there is no memory for more of it */
    }
    if (!result->loan)
        got = read_to_buffer(result, pipe, ret_full);
    result->size += got > 0 ? (size_t)got : 0;
    return got;
}

/* It is longer than one would have thought. */
static bool lend_buffer(struct exec_result *result, struct lender *lender,
                        zmq_msg_t *ret_message)
{
    struct slice bytes = {result->buffer.data, result->buffer.size};
    return lender && bytes.size >= LOAN_LEAST &&
           lender_copy(lender, bytes, ret_message);
}

bool exec_result_take(struct exec_result *result, struct lender *lender,
                      zmq_msg_t *ret_message)
{
    bool lent = result->loan && result->size >= LOAN_LEAST;
    if (lent) {
        loan_offer(result->loan, ret_message);
        result->loan = NULL;
    } else if (result->loan) {
        fetch(result);
        byte_buffer_take(&result->buffer, ret_message);
    } else {
        lent = lend_buffer(result, lender, ret_message);
        if (!lent)
            byte_buffer_take(&result->buffer, ret_message);
    }
    exec_result_drop(result);
    return lent;
}
