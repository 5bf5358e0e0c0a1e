/* SPDX-License-Identifier: MIT */
/*
 * How long an attempt may run, where the limit is said in per cent of the median run
 * time; or of the worker's own mean, if that is longer: a slow host is not a sick one.
 *
 * A limit travels with the task, and the worker keeps it. Dispatch checks only attempts
 * that it sent before there was a median, by the time at which the worker last said
 * that they run: a worker that is stopped has stopped what it runs, too.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_LIMITS_H
#define FANFOLD_VENTILATOR_SCHEDULER_LIMITS_H

#include "ventilator/scheduler/scheduler_state.h"

/* How long a chunk of this length usually runs at this worker; 0: not known yet. */
uint64_t limits_usual_us(struct dispatch *dispatch,
                         const struct worker_session *session, uint64_t length);
/* How long an attempt at a chunk of this length may run that is sent there now, ms; 0:
 * without limit. */
uint32_t limits_ms(struct dispatch *dispatch, const struct worker_session *session,
                   uint64_t length);
/* Once a heartbeat: attempts beyond a limit that was not known when they were sent have
 * failed. */
void limits_check(struct dispatch *dispatch, int64_t now_us);

#endif
