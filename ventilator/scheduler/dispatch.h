/* SPDX-License-Identifier: MIT */
/*
 * The scheduler. Knows every task from cut to committed: who has it, since when, which
 * attempt; every worker's session and its credit; the window; what failed and what that
 * cost. Knows no socket, no payload, no clock.
 *
 * Events go in: decoded messages, chunks that were cut, the time. Actions come out of
 * dispatch_next, in the order in which the loop carries them out, after any event and
 * after dispatch_tick. Peers are numbers: the ROUTER gives each connection a new one.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_DISPATCH_H
#define FANFOLD_VENTILATOR_SCHEDULER_DISPATCH_H

#include "ventilator/scheduler/dispatch_types.h"

struct dispatch;

struct dispatch *dispatch_new(const struct dispatch_config *config, int64_t now_us);
void dispatch_destroy(struct dispatch **dispatch_p);

/* A decoded message. Slices are copied where they are kept. Types that no ventilator is
 * sent are answered with REJECT. */
void dispatch_on_message(struct dispatch *dispatch, uint32_t peer,
                         const struct message *message, int64_t now_us);
/* False: a type that no ventilator is sent. */
bool dispatch_hears(enum message_type type);
/* What came could not be decoded, or is a type that no ventilator is sent
 * (REJECT_MALFORMED), or is none that this version has (REJECT_TYPE). The peer is told
 * `complaint`, which is copied. */
void dispatch_on_malformed(struct dispatch *dispatch, uint32_t peer, enum reject reason,
                           const char *complaint);
/* The peer has a key that may not do what it does: it is told `why`, and what it had is
 * others'. */
void dispatch_on_refused(struct dispatch *dispatch, uint32_t peer, const char *why,
                         int64_t now_us);
/* A send to the peer failed: it is gone. May come between two calls of dispatch_next;
 * what the last action borrows stays valid. */
void dispatch_on_unreachable(struct dispatch *dispatch, uint32_t peer, int64_t now_us);

/* What started the worker that it calls `place` says that it ended it, or that
 * something else did that is no chunk's fault: no chunk is charged for its loss. */
void dispatch_on_excused(struct dispatch *dispatch, const char *place);

/* Whether what places workers will place some, or may. While it does, the run waits for
 * them as long as it takes, unless config.patience_us says how long and there is
 * something to do. */
void dispatch_on_awaited(struct dispatch *dispatch, bool awaited);

/* How many chunks may be cut now; 0: none. To be asked again after each cut, as the
 * budget counts bytes. */
uint32_t dispatch_wants(const struct dispatch *dispatch);
/* How long the next chunk should be, where the config leaves that open (else 0), with
 * so much of the input not cut yet (0: nobody knows). To be asked before
 * dispatch_wants. */
uint64_t dispatch_block(struct dispatch *dispatch, uint64_t rest);
/* The next chunk was cut; returns its seq. */
uint64_t dispatch_on_cut(struct dispatch *dispatch, uint64_t length, uint64_t records);
/* The input has ended in good order: all chunks are cut. */
void dispatch_on_input_end(struct dispatch *dispatch);
/* The input has failed: no more chunks come. When those that were cut are done, the run
 * is stopped with this status. */
void dispatch_on_input_failure(struct dispatch *dispatch, int status, const char *text);
/* The header that every chunk begins with is known, where workers wait for it. */
void dispatch_on_header(struct dispatch *dispatch, int64_t now_us);
/* The run is to end: a chunk is lost (STOPPED, STATUS_IO), a signal came (INTERRUPTED,
 * 128 + n). The first call counts. */
void dispatch_stop(struct dispatch *dispatch, enum outcome outcome, int status,
                   const char *text, int64_t now_us);

/* The run is to end in good order (the first SIGINT, --halt soon): no more chunks are
 * cut or sent, workers finish those that were sent, and then the run stops with this
 * outcome. The first call counts; dispatch_stop after it ends the run at once. */
void dispatch_drain(struct dispatch *dispatch, enum outcome outcome, int status,
                    const char *text);

/* Assigns what can be assigned, does what is due; returns when it must be called again
 * at the latest. Called once an iteration, after the events. */
int64_t dispatch_tick(struct dispatch *dispatch, int64_t now_us);

/* The next action; false: there is none. */
bool dispatch_next(struct dispatch *dispatch, struct dispatch_action *ret_action);

/* The next completion, where config.tells_completions; false: none since the last one.
 * To be asked once an iteration, the last time after DISPATCH_OVER. */
bool dispatch_next_completion(struct dispatch *dispatch,
                              struct completion *ret_completion);

/* The hash of mode and command of the first worker; 0 before. */
uint64_t dispatch_program(const struct dispatch *dispatch);
/* The host of the worker with this uuid, as it says; NULL: there is none. */
const char *dispatch_worker_host(const struct dispatch *dispatch,
                                 const struct id *uuid);
/* The same of the worker that is this peer now. */
const char *dispatch_peer_host(const struct dispatch *dispatch, uint32_t peer);
/* Where the input goes on, by the BEGIN that started the run. */
struct slice dispatch_mark(const struct dispatch *dispatch);
/* The input that the run began with, as the sink's journal has it. */
struct slice dispatch_input(const struct dispatch *dispatch);
struct verdict dispatch_verdict(const struct dispatch *dispatch);
/* NULL unless a chunk that failed for good stopped the run (STATUS_CHUNK_FAILED). */
const struct dispatch_failure *dispatch_failure(const struct dispatch *dispatch);
struct dispatch_counts dispatch_counts(const struct dispatch *dispatch);
/* All that was cut is with workers, and one of them has a slot that nothing waits
 * for. */
bool dispatch_has_free_slot(const struct dispatch *dispatch);
/* Behind all slots that run, as many chunks wait as there are slots: another one would
 * wait in the same row. */
bool dispatch_has_full_queues(const struct dispatch *dispatch);
/* Chunks that are cut and not done, for workers that there are or might be. */
uint64_t dispatch_backlog(const struct dispatch *dispatch);
/* The next worker from number *cursor on, from 0, that has had no task for at least
 * `least_us`, and that what started it has a name for. False: there is none. */
bool dispatch_next_idle(const struct dispatch *dispatch, uint32_t *cursor,
                        int64_t least_us, struct dispatch_idle *ret_idle);
/* The sink holds the result that is to be written next, and no more may be cut before
 * it is: a slot that is free waits for the output. */
bool dispatch_waits_for_output(const struct dispatch *dispatch);
/* Where workers send their results, by the last BEGIN; empty before. */
const struct endpoint_list *dispatch_results(const struct dispatch *dispatch);
/* For what the run waits now: for what keeps the first chunk that is not released. */
struct dispatch_wait dispatch_wait(const struct dispatch *dispatch);
struct dispatch_lost dispatch_lost(const struct dispatch *dispatch);
/* BEGIN has come. */
bool dispatch_begun(const struct dispatch *dispatch);

#endif
