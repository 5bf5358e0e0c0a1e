/* SPDX-License-Identifier: MIT */
/*
 * The sink's core: its session with the ventilator, run and epoch, and what is
 * released, written and committed. Touches no socket, file or byte: results are opaque
 * cargo of the loop's.
 *
 * A result is released when the output is given it, written when all of it is there,
 * and committed when it is safe. Without a journal a written result counts as
 * committed.
 *
 * However the run ends, the core has all that is written committed before it tells the
 * end, also after a signal or a failed output. Only a journal that fails
 * (sink_session_on_journal_failed) commits nothing more.
 */
#ifndef FANFOLD_SINK_SESSION_SESSION_H
#define FANFOLD_SINK_SESSION_SESSION_H

#include "sink/session/session_types.h"

struct sink_session;

struct sink_session *sink_session_new(const struct sink_session_config *config,
                                      int64_t now_us);
void sink_session_destroy(struct sink_session **session_p, void (*drop)(void *cargo));

/* Every message of the ventilator but SKIP, which has cargo. */
void sink_session_on_message(struct sink_session *session,
                             const struct message *message, int64_t now_us);
/* One entry of a RESULT. True: the session takes it with its cargo, and copies the
 * mark. False: it is of another run or epoch, or was here before, also as a SKIP; the
 * cargo is still the caller's. Its bad_count bad records count as dead letters once it
 * is written. False also where it cannot be right (SINK_REFUSE): its mark is not that
 * of its seq, it is too large, or not of this run. `uuid` is its worker's. */
bool sink_session_on_result(struct sink_session *session, const struct id *run,
                            uint64_t epoch, const struct id *uuid,
                            const struct result_entry *entry, void *cargo);
/* One entry of a RESULT whose bytes nobody can read: it is refused (SINK_REFUSE). They
 * came damaged (FAILURE_PROTOCOL), or this sink cannot borrow them (FAILURE_REFERENCE):
 * that is nothing where it has the result already, as loans go back then. */
void sink_session_on_unread(struct sink_session *session, const struct id *run,
                            uint64_t epoch, const struct id *uuid,
                            const struct result_entry *entry, enum failure cause);
/* A SKIP is a result without a byte and with one dead letter; outcomes as with
 * sink_session_on_result. */
bool sink_session_on_skip(struct sink_session *session, const struct message *message,
                          void *cargo, int64_t now_us);
/* Everything that was given out up to and with `seq` is written; in the order of
 * SINK_WRITE. */
void sink_session_on_written(struct sink_session *session, uint64_t seq,
                             int64_t now_us);
/* The sink stood still for so long, and heard nobody. */
void sink_session_on_stood_still(struct sink_session *session, int64_t for_us,
                                 int64_t now_us);
void sink_session_on_committed(struct sink_session *session, uint64_t ticket);
/* No SINK_COMMIT is answered any more: the session gives up with STATUS_IO, unless it
 * has given up already. */
void sink_session_on_journal_failed(struct sink_session *session, const char *text,
                                    int64_t now_us);
/* Commits what is written now, whatever else is due. False: no ventilator has come, or
 * the session is about to end, and commits by itself. */
bool sink_session_commit(struct sink_session *session, int64_t now_us);
/* No SINK_COMMIT that is under way is answered any more, and none is ordered: for the
 * call of sink_session_fail that follows. */
void sink_session_lose_commits(struct sink_session *session);
/* The output or the disk failed, the output's reader went away, or a signal came: the
 * session gives up, commits what is written, tells the ventilator, and leaves. The
 * first call counts. */
void sink_session_fail(struct sink_session *session, enum outcome outcome, int status,
                       const char *text, int64_t now_us);

int64_t sink_session_tick(struct sink_session *session, int64_t now_us);
bool sink_session_next(struct sink_session *session, struct sink_action *ret_action);

/* The position as far as it is written. */
struct position sink_session_position(const struct sink_session *session);
/* All results that the session holds beyond the position. */
const struct range *sink_session_held(struct sink_session *session,
                                      uint32_t *ret_count);
/* What is new since the last call. */
struct sink_progress sink_session_progress(struct sink_session *session);
/* Of the last SINK_REFUSE. */
struct sink_refusal sink_session_refusal(const struct sink_session *session);
struct sink_verdict sink_session_verdict(const struct sink_session *session);
/* GOODBYE came: nobody needs the journal of a finished run any more. */
bool sink_session_dismissed(const struct sink_session *session);
/* All is written and committed. */
bool sink_session_finished(const struct sink_session *session);
/* The session has a ventilator. */
bool sink_session_welcomed(const struct sink_session *session);
/* Results of later seqs are here, and that of *ret_seq is not. */
bool sink_session_awaits_result(const struct sink_session *session, uint64_t *ret_seq);
/* For a line of the log. */
const char *sink_session_phase_name(const struct sink_session *session);
/* The parked cargo that the output needs last of those not named before, for spilling.
 * Each is named once at most; NULL: all are. */
void *sink_session_name_last(struct sink_session *session);
/* Results that had to wait for an older one, ever. */
uint64_t sink_session_parked_ever(const struct sink_session *session);
/* Lines at the beginning of a result that are a header; known once SINK_WRITE comes. */
uint32_t sink_session_header_out(const struct sink_session *session);
/* Bytes of parked results that WELCOME allows in memory; 0: not said. */
uint64_t sink_session_buffer(const struct sink_session *session);

#endif
