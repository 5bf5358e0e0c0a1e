/* SPDX-License-Identifier: MIT */
/* The bottom of the sink's core: what the loop is to do. */
#ifndef FANFOLD_SINK_SESSION_ACTIONS_H
#define FANFOLD_SINK_SESSION_ACTIONS_H

#include "sink/session/state.h"

/* The action, of which the caller fills in what its kind needs. */
struct sink_action *sink_actions_add(struct sink_session *session,
                                     enum sink_action_kind kind);
/* Commits what is written up to now; with it `epoch` is safe. */
void sink_actions_commit(struct sink_session *session, uint64_t epoch, int64_t now_us);

#endif
