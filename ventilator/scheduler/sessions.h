/* SPDX-License-Identifier: MIT */
/* How sessions end: by the worker's word, its loss or its silence. And what a heartbeat
 * checks of those that go on. Rules 3, 6 and 11 of PROTOCOL.md. */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_SESSIONS_H
#define FANFOLD_VENTILATOR_SCHEDULER_SESSIONS_H

#include "ventilator/scheduler/scheduler_state.h"

/* Ends a session; its tasks are queued again. `lost`: attempts that ran there are
 * charged, if the worker does not come back. */
void sessions_drop(struct dispatch *dispatch, struct worker_session *session, bool lost,
                   int64_t now_us);
/* What it gives is not what was asked: its tasks go to others, and it gets none. */
void sessions_distrust(struct dispatch *dispatch, struct worker_session *session);
/* The sink has refused a result of its. */
void sessions_on_refused(struct dispatch *dispatch, const struct message *message,
                         int64_t now_us);
/* What it has goes to others, if its link to the sink has been shut for too long. */
void sessions_check_link(struct dispatch *dispatch, struct worker_session *session,
                         int64_t now_us);
/* Once a heartbeat: silence, links that stay shut, results that no sink confirms. */
void sessions_check(struct dispatch *dispatch, int64_t now_us);

#endif
