/* SPDX-License-Identifier: MIT */
/*
 * The actions that the core has decided on and the loop has not carried out yet, in the
 * order of the decisions.
 */
#include "worker/session/session_state.h"

struct session_action *session_act(struct session *session,
                                   enum session_action_kind kind)
{
    struct session_action *action = ring_push(&session->actions);
    *action = (struct session_action){.kind = kind, .session = session->nonce};
    return action;
}

struct session_action *session_act_on(struct session *session,
                                      enum session_action_kind kind,
                                      const struct ledger_task *task)
{
    struct session_action *action = session_act(session, kind);
    action->slot = task->slot;
    action->seq = task->seq;
    action->attempt = task->attempt;
    action->run_us = task->run_us;
    action->cargo = task->cargo;
    return action;
}

void session_unsend_results(struct session *session)
{
    struct session_action action;
    for (size_t left = session->actions.count; left > 0; left--) {
        ring_pop(&session->actions, &action);
        if (action.kind != SESSION_RESULT)
            *(struct session_action *)ring_push(&session->actions) = action;
    }
}

bool session_next(struct session *session, struct session_action *ret_action)
{
    if (!ring_pop(&session->actions, ret_action))
        return false;
    if (ret_action->kind == SESSION_KILL)
        slot_table_killed(&session->slot_table, ret_action->slot);
    return true;
}
