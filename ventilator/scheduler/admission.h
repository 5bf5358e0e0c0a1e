/* SPDX-License-Identifier: MIT */
/* How workers come: HELLO, its ledger, and the wait for what WELCOME says. Rules 1, 5
 * and 6 of PROTOCOL.md. */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_ADMISSION_H
#define FANFOLD_VENTILATOR_SCHEDULER_ADMISSION_H

#include "ventilator/scheduler/scheduler_state.h"

void admission_deinit(struct waiting_room *waiting);

/* A worker's HELLO. */
void admission_on_hello(struct dispatch *dispatch, uint32_t peer,
                        const struct message *message, int64_t now_us);
/* The peer is gone: it waits no longer. */
void admission_on_unreachable(struct dispatch *dispatch, uint32_t peer);
/* Opens sessions for the workers that wait, if BEGIN has come and the header is
 * known. */
void admission_welcome(struct dispatch *dispatch, int64_t now_us);

#endif
