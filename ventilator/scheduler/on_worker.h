/* SPDX-License-Identifier: MIT */
/* What workers say in a session: DONE, FAILED, RETURNED, PING, GOODBYE. Rules 1, 2 and
 * 6 of PROTOCOL.md. */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_ON_WORKER_H
#define FANFOLD_VENTILATOR_SCHEDULER_ON_WORKER_H

#include "ventilator/scheduler/scheduler_state.h"

void on_worker_message(struct dispatch *dispatch, struct worker_session *session,
                       const struct message *message, int64_t now_us);

#endif
