/* SPDX-License-Identifier: MIT */
/*
 * Memory that is lent to other processes of this host. What came back is lent again: a
 * page that is there already costs a copy, a new one three times as much.
 *
 * All functions belong to one thread, but for the messages of loan_offer, which any may
 * close.
 */
#ifndef FANFOLD_COMMON_LOAN_LENDER_H
#define FANFOLD_COMMON_LOAN_LENDER_H

#include "common/slice.h"
#include <stdbool.h>
#include <zmq.h>

struct lender;
struct loan;

/* Of the memory that came back it keeps `kept` pieces at most, and `kept_bytes`. */
struct lender *lender_new(uint32_t kept, uint64_t kept_bytes);
/* Of descriptors, which each piece has one of, it takes `most`; otherwise as many as
 * there are. */
void lender_limit(struct lender *lender, uint64_t most);
/* Gives up what came back and is more than it keeps: due when something may have come
 * back. */
void lender_trim(struct lender *lender);
/* Loans that are out stay so. None may be taken and not offered. */
void lender_destroy(struct lender **lender_p);

/* Memory for `size` bytes or more, which nobody reads; they begin at LOAN_HEAD. NULL:
 * there is none. */
struct loan *lender_take(struct lender *lender, uint64_t size);
/* For reading, writing and making longer, but nobody may make it shorter. */
int loan_fd(const struct loan *loan);
uint64_t loan_inode(const struct loan *loan);
/* All bytes are there: a message that names the loan, which comes back with its last
 * copy. */
void loan_offer(struct loan *loan, zmq_msg_t *ret_message);
/* It is not needed, or whoever was to write to it may still do so. */
void loan_drop(struct loan *loan);

/* Lends a copy of the bytes. False: there is no memory. */
bool lender_copy(struct lender *lender, struct slice bytes, zmq_msg_t *ret_message);

#endif
