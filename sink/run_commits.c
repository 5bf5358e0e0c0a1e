/* SPDX-License-Identifier: MIT */
/* From an order of the session to the word that a commit is done: by the journal, by a
 * socket that has sent all, or by the receiver of a spool that has stored all. */
#include "common/exit_status.h"
#include "common/log.h"
#include "sink/run_files_state.h"

/* What is sent is gone, and committed with that; but before a run is complete, the last
 * of it must have left. */
static void commit_sent(struct run_files *files, uint64_t ticket)
{
    if (sink_session_position(files->session).finished) {
        files->last_ticket = ticket;
        return;
    }
    files->stirred = true;
    sink_session_on_committed(files->session, ticket);
}

static void flush_sent(struct run_files *files, int64_t now_us)
{
    char error[ERROR_MAX];
    uint64_t ticket = files->last_ticket;
    int outcome = ticket ? output_writer_flush(files->output,
                                               files->options->common.patience_us,
                                               error, sizeof error)
                         : 0;
    if (outcome == 0)
        return;
    files->last_ticket = 0;
    files->stirred = true;
    if (outcome > 0)
        sink_session_on_committed(files->session, ticket);
    else
        run_files_fail_journal(files, error, now_us);
}

void run_files_commit(struct run_files *files, uint64_t ticket, int64_t now_us)
{
    char error[ERROR_MAX];
    struct position position = sink_session_position(files->session);
    /* Until the receiver has stored all, the journal says that the run goes on, so that
     * whatever is killed meanwhile can resume. */
    if (position.finished && spool_out_waits(&files->spool)) {
        files->last_ticket = ticket;
        position.finished = false;
    }
    if (output_writer_is_sent(files->output)) {
        commit_sent(files, ticket);
        return;
    }
    if (checkpointer_has_failed(files->checkpointer))
        return;
    /* While a part ends, nobody has the output's name, and nothing is written. */
    bool between = checkpointer_is_between_parts(files->checkpointer);
    bool closing = files->part_ordered && !between && !position.finished;
    stall_watch_enter(files->stall_watch, STALL_OUTPUT);
    int status = between ? STATUS_OK
                 : position.finished || files->last_ticket
                     ? output_writer_complete(files->output, error, sizeof error)
                     : output_writer_look(files->output, error, sizeof error);
    stall_watch_leave(files->stall_watch);
    files->part_ordered = false;
    if (closing && status == STATUS_OK && output_writer_is_headed(files->output))
        checkpointer_note_header(files->checkpointer);
    if (status != STATUS_OK ||
        checkpointer_order(files->checkpointer, ticket, &position,
                           output_writer_whole_bytes(files->output), closing, error,
                           sizeof error) < 0)
        run_files_fail_journal(files, error, now_us);
}

static void begin_part(struct run_files *files)
{
    int next = checkpointer_take_part(files->checkpointer);
    if (next < 0)
        return;
    log_event(LOG_LEVEL_INFO, "part", "complete=%llu",
              (unsigned long long)output_writer_parts(files->output) + 1);
    output_writer_begin_part(files->output, next);
}

/* The last one is told when all is stored. */
static void on_committed(struct run_files *files, uint64_t ticket)
{
    bool last = files->spool.child && ticket == files->last_ticket;
    if (files->spool.child)
        sender_child_wake(files->spool.child, last);
    if (last)
        return;
    files->stirred = true;
    begin_part(files);
    sink_session_on_committed(files->session, ticket);
}

void run_files_receive_commits(struct run_files *files, int64_t now_us)
{
    char error[ERROR_MAX];
    uint64_t ticket;
    int result;
    while ((result = checkpointer_receive(files->checkpointer, &ticket, error,
                                          sizeof error)) == 0 &&
           ticket != 0)
        on_committed(files, ticket);
    if (result < 0)
        run_files_fail_journal(files, error, now_us);
    if (!files->spool.child)
        flush_sent(files, now_us);
}

void run_files_receive_sender(struct run_files *files, int64_t now_us)
{
    char error[ERROR_MAX];
    if (!files->spool.child || files->failed)
        return;
    sender_child_read(files->spool.child);
    uint64_t ticket = files->last_ticket;
    if (files->spool.child->ended && ticket) {
        files->last_ticket = 0;
        run_files_commit(files, ticket, now_us);
        return;
    }
    int status = spool_out_check(&files->spool, error, sizeof error);
    run_files_fail(files, status, error, now_us);
}
