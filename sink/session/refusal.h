/* SPDX-License-Identifier: MIT */
/* Results that cannot be right. */
#ifndef FANFOLD_SINK_SESSION_REFUSAL_H
#define FANFOLD_SINK_SESSION_REFUSAL_H

#include "sink/session/state.h"

/* True: the result is refused, and the ventilator is to be told. */
bool sink_refusal_check(struct sink_session *session, const struct id *uuid,
                        const struct result_entry *entry);
/* Refuses it, as nobody can read its bytes (sink_session_on_unread). */
void sink_refusal_add_unread(struct sink_session *session, const struct id *uuid,
                             const struct result_entry *entry, enum failure cause);

#endif
