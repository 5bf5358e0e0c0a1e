/* SPDX-License-Identifier: MIT */
/*
 * Results that only the end of the programs proves: when that is brought about, and
 * what is said of it.
 */
#include "worker/session/session_state.h"

#include <stdio.h>

void session_drain(struct session *session)
{
    if (!session->draining)
        session_act(session, SESSION_DRAIN);
    session->draining = true;
}

void session_on_drain(struct session *session, const struct message *message)
{
    if (!session->liveness.open || message->drain.session != session->nonce)
        return;
    session->drain_owed = true;
    session_drain(session);
}

void session_on_drained(struct session *session)
{
    session->draining = false;
    session->drained = true;
    if ((session->drain_owed || session->leaving) && session->liveness.open)
        session_act(session, SESSION_DRAINED);
    session->drain_owed = false;
}

void session_on_doubt(struct session *session, uint64_t from, const char *text)
{
    if (session->phase == PHASE_RESTING)
        return; /* of a run that is over */
    if (!session->doubted || from < session->doubt_from)
        session->doubt_from = from;
    snprintf(session->doubt_text, sizeof session->doubt_text, "%s", text);
    session->doubted = true;
    if (session->liveness.open)
        session_act(session, SESSION_DOUBT);
}

bool session_doubt(const struct session *session, uint64_t *ret_from,
                   const char **ret_text)
{
    *ret_from = session->doubt_from;
    *ret_text = session->doubt_text;
    return session->doubted;
}
