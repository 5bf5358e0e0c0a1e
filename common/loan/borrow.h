/* SPDX-License-Identifier: MIT */
/* Opens what another process of this host lends. */
#ifndef FANFOLD_COMMON_LOAN_BORROW_H
#define FANFOLD_COMMON_LOAN_BORROW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <zmq.h>

/* True: *message, which named a loan of the process `lender`, has its `length` bytes
 * now, and with its last copy they are given back. False: it names none, or this
 * process cannot open it, and it is as it was. */
bool loan_borrow(zmq_msg_t *message, uint64_t length, pid_t lender);

#endif
