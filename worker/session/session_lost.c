/* SPDX-License-Identifier: MIT */
/* What a worker does while its ventilator is lost, by --on-lost. */
#include "worker/session/session_state.h"

#include <stdio.h>

/* A program has a task: those that wait for PONGs are only announced. */
static bool has_begun(const struct session *session)
{
    const struct ledger_task *task = session->ledger.tasks;
    while (task && (task->state != ENTRY_RUNNING || task->pongs_due))
        task = task->hh.next;
    return task != NULL;
}

enum session_loss session_loss(struct session *session, int64_t now_us)
{
    enum on_lost on_lost = session->config.on_lost;
    if (on_lost == ON_LOST_WAIT || !liveness_lost(&session->liveness, now_us))
        return LOSS_NONE;
    if (on_lost == ON_LOST_FINISH && has_begun(session))
        return LOSS_HOLDS;
    snprintf(session->exit_reason, sizeof session->exit_reason,
             "the ventilator is lost, and --on-lost %s says not to wait for another",
             on_lost == ON_LOST_FINISH ? "finish" : "stop");
    return LOSS_LEAVES;
}
