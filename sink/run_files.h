/* SPDX-License-Identifier: MIT */
/*
 * The files of a run: the output, the dead letters, the journal and the spill file.
 * What the session gives out goes there, and what becomes of it is told to the session,
 * which an error makes fail. Decides nothing else.
 */
#ifndef FANFOLD_SINK_RUN_FILES_H
#define FANFOLD_SINK_RUN_FILES_H

#include "sink/options.h"
#include "sink/resources.h"
#include "sink/session/session.h"

struct run_files;

/* Takes the output and the commit process of the resources. All three must outlive it;
 * but before the session is destroyed, run_files_end_journal is called. */
struct run_files *run_files_new(const struct sink_options *options,
                                struct resources *resources,
                                struct sink_session *session);
void run_files_destroy(struct run_files **files_p);

/* ---- what the session wants ---- */

/* Writes the result's dead letters here and now, and queues the rest for the output.
 * The result is taken. */
void run_files_write_result(struct run_files *files, struct result *result,
                            int64_t now_us);
/* The session has taken a result, and says so to nobody before this returns: makes a
 * part of it, where results are parts. */
void run_files_keep(struct run_files *files, const struct message *message,
                    const struct result_entry *entry, struct result *result);
/* As result_decode. NULL: it is to be a part that a worker has written, and cannot be
 * found. */
struct result *run_files_decode(struct run_files *files, const struct message *message,
                                const struct result_entry *entry, zmq_msg_t *payload,
                                size_t *offset);
/* SINK_COMMIT. */
void run_files_commit(struct run_files *files, uint64_t ticket, int64_t now_us);

/* ---- what happens ---- */

/* WELCOME says what the input's records are, for whoever runs dead letters again, and
 * for results that are split into records. */
void run_files_on_welcome(struct run_files *files, const struct message *message,
                          int64_t now_us);
/* END brings the input's header, which dead letters need beside them. */
void run_files_on_end(struct run_files *files, const struct message *message,
                      int64_t now_us);
/* Ends a part of the output that is old enough; returns when to call it again. */
int64_t run_files_tick(struct run_files *files, int64_t now_us);
/* Writes what the output takes now, and makes room in memory. */
void run_files_write(struct run_files *files, int64_t now_us);
/* The poller saw an error on the output. */
void run_files_check_output(struct run_files *files, int64_t now_us);
/* Tells the session of commits that were made, and when all that was sent has left. */
void run_files_receive_commits(struct run_files *files, int64_t now_us);
/* Takes what the process that sends has said. */
void run_files_receive_sender(struct run_files *files, int64_t now_us);
/* Nothing more is written, and the session fails. */
void run_files_fail(struct run_files *files, int status, const char *text,
                    int64_t now_us);

/* The session was told something since the last call. */
bool run_files_take_stirred(struct run_files *files);
bool run_files_have_failed(const struct run_files *files);
/* For the poller; the item stays as it is where there is nothing to wait for. The
 * output is waited for only where something is queued, but errors are to be looked for
 * in any case. */
void run_files_fill_output_item(const struct run_files *files, zmq_pollitem_t *item);
/* An output that is sent waits for whoever is to receive it, and *ret_there says
 * whether somebody is connected: its name; NULL: it does not. */
const char *run_files_awaited_receiver(const struct run_files *files, bool *ret_there);
/* All is sent, or in the spool, but not all has arrived. */
bool run_files_await_arrival(const struct run_files *files);
bool run_files_output_has_queued(const struct run_files *files);
/* Too much is in memory, and the output takes more at once: nothing is to be received
 * before that. */
bool run_files_output_is_behind(const struct run_files *files);
/* Of the process that sends what a spool has; -1: there is none. */
int run_files_sender_descriptor(const struct run_files *files);
int run_files_commits_descriptor(const struct run_files *files);
uint64_t run_files_output_bytes(const struct run_files *files);

/* ---- the end ---- */

/* Closes the output, and gives the last word on the run. */
struct sink_verdict run_files_end_output(struct run_files *files);
/* Tells a person how the run ended. */
void run_files_report(const struct run_files *files,
                      const struct sink_verdict *verdict);
/* The run did not finish: what was not written in full is cut off the output. */
void run_files_abandon_output(struct run_files *files);
/* Closes an output that is sent, before ZeroMQ ends. */
void run_files_close_sockets(struct run_files *files);
/* Nothing commits any more; removes a journal that has served its turn. */
void run_files_end_journal(struct run_files *files);

#endif
