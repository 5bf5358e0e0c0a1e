/* SPDX-License-Identifier: MIT */
/*
 * What a task is charged for the loss of workers: an attempt that ran there, and only
 * once it is sure that the worker does not come back. Rule 10 of PROTOCOL.md.
 *
 * Where records that take workers down are looked for, the bisection waits for the
 * charge as its answer: the task is sent again only when the charge is settled or
 * waived. Otherwise it would be ahead of its answers for ever, and none of them would
 * be about the attempt that the bisection asked for. The same holds for the loss that
 * would begin a bisection: without that, the task would take down one worker after the
 * other until the first charge is due.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_LOSS_CHARGES_H
#define FANFOLD_VENTILATOR_SCHEDULER_LOSS_CHARGES_H

#include "ventilator/scheduler/scheduler_state.h"

void loss_charges_deinit(struct loss_charges *losses);

/* Losses of the attempt that are not settled yet; 0: of any attempt at the task. */
uint32_t loss_charges_pending(const struct loss_charges *losses, uint64_t seq,
                              uint32_t attempt);
/* The task waits for a charge as an answer: it is not sent again before that. */
bool loss_charges_awaited(const struct dispatch *dispatch, const struct task *task);
/* The attempt ran at a worker that was lost just now. */
void loss_charges_add(struct dispatch *dispatch, const struct attempt *attempt,
                      int64_t now_us);
/* A worker that comes back has lost nothing, and one that is excused nothing that
 * counts. */
void loss_charges_waive(struct dispatch *dispatch, const struct known_worker *worker);
/* Charges what is due. */
void loss_charges_settle(struct dispatch *dispatch, int64_t now_us);

#endif
