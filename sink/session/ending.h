/* SPDX-License-Identifier: MIT */
/* The end of the sink's session. */
#ifndef FANFOLD_SINK_SESSION_ENDING_H
#define FANFOLD_SINK_SESSION_ENDING_H

#include "sink/session/state.h"

void sink_ending_init(struct sink_ending *ending, const struct position *position,
                      int64_t now_us);
/* A new epoch begins: what was said of an end does not hold any more. */
void sink_ending_run_on(struct sink_ending *ending);
/* The run was finished, and the ventilator offers another input. */
void sink_ending_refuse_input(struct sink_ending *ending, int64_t now_us);
/* The verdict, as far as it is known, is a complete run. */
bool sink_ending_is_complete(const struct sink_ending *ending);

void sink_ending_on_end(struct sink_session *session, const struct message *message,
                        int64_t now_us);
void sink_ending_on_goodbye(struct sink_session *session, int64_t now_us);
void sink_ending_on_version(struct sink_session *session, uint32_t version,
                            int64_t now_us);
void sink_ending_on_reject(struct sink_session *session, const struct message *message,
                           int64_t now_us);
/* As sink_session_fail and sink_session_on_journal_failed. */
void sink_ending_fail(struct sink_session *session, enum outcome outcome, int status,
                      const char *text, int64_t now_us);
void sink_ending_on_journal_failed(struct sink_session *session, const char *text,
                                   int64_t now_us);
/* No ventilator comes any more. */
void sink_ending_give_up(struct sink_session *session, int64_t now_us);
/* Once everything is written, or what was in order when the run was stopped, makes it
 * safe; then the session is finished. */
void sink_ending_check(struct sink_session *session, int64_t now_us);
/* Says FINISHED again and again, until GOODBYE or the time limit: no protocol can do
 * without. Returns when it is due again; NEVER_US where it is not. */
int64_t sink_ending_tick(struct sink_session *session, int64_t now_us);

#endif
