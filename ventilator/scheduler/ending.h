/* SPDX-License-Identifier: MIT */
/* Carries the end of the run out, which run_phases.h has as a request: tells sink and
 * workers, and waits for them. Rule 14 of PROTOCOL.md. */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_ENDING_H
#define FANFOLD_VENTILATOR_SCHEDULER_ENDING_H

#include "ventilator/scheduler/scheduler_state.h"

/* The run is over, with the verdict that is set: all workers are sent STOP, and the
 * sink GOODBYE. Once more: the sink alone, which has connected again. */
void ending_finish(struct dispatch *dispatch, int64_t now_us);
/* The run ends with status 5 for this reason. */
void ending_give_up_run(struct dispatch *dispatch, const char *text, int64_t now_us);
/* This ventilator ends with status 5 for this reason, and tells nobody: another one may
 * take its place. */
void ending_leave(struct dispatch *dispatch, const char *text, int64_t now_us);

/* Each tick: the input has failed; are the chunks before that done? */
void ending_check_input_failure(struct dispatch *dispatch, int64_t now_us);
/* Each tick: takes a run that drains, ends or stops one step further. */
void ending_check_requests(struct dispatch *dispatch, int64_t now_us);
/* Each tick: the run is over; who is still there? */
void ending_check_over(struct dispatch *dispatch, int64_t now_us);

/* Nobody is here yet. */
void ending_init_company(struct company *company, int64_t now_us);
/* Once a heartbeat: requests the end, where sink or workers are missing for too
 * long. */
void ending_check_company(struct dispatch *dispatch, int64_t now_us);

/* ---- results that only the end of a program proves (state/drain_state.h) ---- */

/* The worker says that results may be wrong: the run ends, if it can have given
 * them. */
void ending_on_doubt(struct dispatch *dispatch, const struct known_worker *worker,
                     const struct message *message, int64_t now_us);
/* It leaves, and is not expected to come back. */
void ending_on_goodbye(struct dispatch *dispatch, struct known_worker *worker,
                       int64_t now_us);
/* Once a heartbeat: ends the run where a worker does not come back that was lost with
 * results in doubt. */
void ending_check_doubts(struct dispatch *dispatch, int64_t now_us);
/* END was told while tasks are left, as no worker had to be drained: none that has may
 * come. */
bool ending_is_told(const struct dispatch *dispatch);

#endif
