/* SPDX-License-Identifier: MIT */
#include "sink/run_files.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/records/record_format_text.h"
#include "sink/end_report.h"
#include "sink/memory_share.h"
#include "sink/result/result_decode.h"
#include "sink/result/result_letters.h"
#include "sink/run_files_state.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run_files *run_files_new(const struct sink_options *options,
                                struct resources *resources,
                                struct sink_session *session)
{
    struct resume_point *resume = &resources->resume;
    const struct position *position = &resume->start.position;
    struct run_files *files = allocate_zeroed(1, sizeof *files);
    files->options = options;
    files->resume = resume;
    files->memory = resources->memory;
    files->part_files = resources->part_files;
    files->stall_watch = resources->stall_watch;
    if (options->out.spool)
        files->spool = (struct spool_out){
            .child = &resources->sender,
            .path = options->out.spool,
            .receiver = options->out.receiver,
            .bytes_max = options->out.spool_bytes,
            .quiet = options->common.quiet,
        };
    files->session = session;
    files->format = (struct record_format)RECORD_FORMAT_DEFAULT;
    files->output = output_writer_new(&resources->output, resources->memory,
                                      resume->journal != NULL);
    if (rotation_is_wanted(&options->out.rotation))
        output_writer_rotate(files->output, &options->out.rotation, resume->start.part,
                             resume->start.closing, resume->start.headed);
    files->dead_letters = dead_letter_writer_new(resume->dead_letters, &position->run,
                                                 position->dead_letters);
    files->checkpointer =
        checkpointer_new(&resources->commit_process, resume, options->output);
    return files;
}

void run_files_destroy(struct run_files **files_p)
{
    struct run_files *files = *files_p;
    if (!files)
        return;
    checkpointer_destroy(&files->checkpointer);
    dead_letter_writer_destroy(&files->dead_letters);
    output_writer_destroy(&files->output);
    free(files);
    *files_p = NULL;
}

/* ---- failures ---- */

/* STATUS_OK is no failure. */
void run_files_fail(struct run_files *files, int status, const char *text,
                    int64_t now_us)
{
    enum outcome outcome = status > STATUS_SIGNAL && status != STATUS_OUTPUT_CLOSED
                               ? OUTCOME_INTERRUPTED
                               : OUTCOME_STOPPED;
    if (status == STATUS_OK)
        return;
    files->failed = files->stirred = true;
    output_writer_stop(files->output);
    if (files->last_ticket) /* nobody waits for the last messages any longer */
        sink_session_lose_commits(files->session);
    files->last_ticket = 0;
    sink_session_fail(files->session, outcome, status, text, now_us);
}

void run_files_fail_journal(struct run_files *files, const char *text, int64_t now_us)
{
    files->failed = files->stirred = true;
    output_writer_stop(files->output);
    checkpointer_fail(files->checkpointer);
    sink_session_on_journal_failed(files->session, text, now_us);
}

/* ---- what the ventilator says of the input ---- */

/* Once: a later ventilator of the run has the same input. */
static void shape_output(struct run_files *files, bool format_known, int64_t now_us)
{
    const struct sink_options *options = files->options;
    if (files->shaped || output_writer_has_ended(files->output))
        return;
    files->shaped = true;
    bool splits = options->out.framing == FRAMING_RECORD || options->out.to_messages;
    if (splits && !options->out.records_said && !format_known)
        run_files_fail(files, STATUS_USAGE,
                       "this sink does not know the format of the input's records: "
                       "--records-out must name that of the results",
                       now_us);
    else
        output_writer_shape(files->output, &(struct output_shape){
                                               .framing = options->out.framing,
                                               .records = options->out.records_said
                                                              ? options->out.records
                                                              : files->format,
                                               .run = files->resume->start.position.run,
                                           });
}

void run_files_on_welcome(struct run_files *files, const struct message *message,
                          int64_t now_us)
{
    struct record_format format;
    bool known = record_format_parse(message->welcome.format, &format);
    if (files->part_files && message->welcome.header_out > 0)
        run_files_fail(files, STATUS_USAGE,
                       "--parts excludes --header-out: each part keeps its header",
                       now_us);
    if (known)
        files->format = format;
    bool knows = capability_is_named(message->welcome.capabilities,
                                     message->welcome.capability_count,
                                     CAPABILITY_STALLED);
    stall_watch_welcomed(files->stall_watch, knows,
                         (int64_t)message->welcome.liveness_ms * 1000);
    shape_output(files, known, now_us);
}

void run_files_on_end(struct run_files *files, const struct message *message,
                      int64_t now_us)
{
    char error[ERROR_MAX];
    if (output_writer_has_ended(files->output) ||
        message->end.epoch != sink_session_position(files->session).epoch)
        return;
    stall_watch_enter(files->stall_watch, STALL_DEAD_LETTERS);
    int result = dead_letter_writer_take_header(
        files->dead_letters, message->end.header, error, sizeof error);
    stall_watch_leave(files->stall_watch);
    if (result < 0)
        run_files_fail(files, STATUS_IO, error, now_us);
}

/* ---- results out ---- */

/* A result of which a dead letter cannot be written must not count. */
static void write_dead_letters(struct run_files *files, struct result *result,
                               int64_t now_us)
{
    char error[ERROR_MAX];
    uint32_t count;
    if (output_writer_has_ended(files->output) || !result_dead_letters(result, &count))
        return;
    stall_watch_enter(files->stall_watch, STALL_DEAD_LETTERS);
    int written = result_letters_write(files->dead_letters, &files->tally, result,
                                       error, sizeof error);
    stall_watch_leave(files->stall_watch);
    if (written < 0)
        run_files_fail(files, STATUS_IO, error, now_us);
}

void run_files_write_result(struct run_files *files, struct result *result,
                            int64_t now_us)
{
    char error[ERROR_MAX];
    /* Not before nobody refuses the run any more. */
    if (!files->options->common.quiet)
        resume_point_warn(files->resume);
    write_dead_letters(files, result, now_us);
    if (files->options->out.framing == FRAMING_TAGGED && result_is_dead_letter(result))
        result_describe(result, &files->resume->start.position.run);
    bool spilled = result_spilled(result);
    if (spilled)
        stall_watch_enter(files->stall_watch, STALL_SPILL);
    int status = output_writer_push(files->output, result,
                                    sink_session_header_out(files->session), error,
                                    sizeof error);
    if (spilled)
        stall_watch_leave(files->stall_watch);
    run_files_fail(files, status, error, now_us);
}

struct result *run_files_decode(struct run_files *files, const struct message *message,
                                const struct result_entry *entry, zmq_msg_t *payload,
                                size_t *offset)
{
    if (message->result.compression != PAYLOAD_PART)
        return result_decode(files->memory, entry, payload, offset);
    stall_watch_enter(files->stall_watch, STALL_OUTPUT);
    struct result *result =
        files->part_files
            ? part_files_decode(files->part_files, files->memory, message, payload)
            : NULL;
    stall_watch_leave(files->stall_watch);
    return result;
}

void run_files_keep(struct run_files *files, const struct message *message,
                    const struct result_entry *entry, struct result *result)
{
    char text[ERROR_MAX];
    if (!files->part_files || message->result.compression == PAYLOAD_PART ||
        output_writer_has_ended(files->output))
        return;
    stall_watch_enter(files->stall_watch, STALL_OUTPUT);
    int error = part_files_keep(files->part_files, result, message->result.epoch,
                                entry->attempt);
    stall_watch_leave(files->stall_watch);
    if (error == 0)
        return;
    snprintf(text, sizeof text, "cannot write a part to %s: %s",
             part_files_path(files->part_files), strerror(-error));
    run_files_fail(files, STATUS_IO, text, clock_now_us());
}

static void write_output(struct run_files *files, uint64_t share, int64_t now_us)
{
    char error[ERROR_MAX];
    uint64_t seq;
    stall_watch_enter(files->stall_watch, STALL_OUTPUT);
    int status = output_writer_write(files->output, share, error, sizeof error);
    stall_watch_leave(files->stall_watch);
    if (output_writer_take_written(files->output, &seq)) {
        files->stirred = true;
        sink_session_on_written(files->session, seq, now_us);
    }
    run_files_fail(files, status, error, now_us);
}

void run_files_check_output(struct run_files *files, int64_t now_us)
{
    char error[ERROR_MAX];
    int status = output_writer_check(files->output, error, sizeof error);
    run_files_fail(files, status, error, now_us);
}

static void relieve_memory(struct run_files *files, uint64_t share, int64_t now_us)
{
    char text[ERROR_MAX];
    if (output_writer_has_ended(files->output))
        return;
    stall_watch_enter(files->stall_watch, STALL_SPILL);
    int error = memory_share_keep(files->session, files->output, files->memory, share);
    stall_watch_leave(files->stall_watch);
    if (error == 0)
        return;
    snprintf(text, sizeof text, "cannot keep waiting results in %s: %s",
             result_memory_directory(files->memory), strerror(-error));
    run_files_fail(files, STATUS_IO, text, now_us);
}

/* A part that has its end is committed, and given its name, at once. */
static void end_part(struct run_files *files, int64_t now_us)
{
    if (!files->part_ordered && !checkpointer_is_between_parts(files->checkpointer) &&
        output_writer_is_full(files->output) &&
        sink_session_commit(files->session, now_us))
        files->part_ordered = files->stirred = true;
}

/* In the middle of a run; at its end the flush has the same limit. A spool keeps what
 * waits. */
static int64_t mind_receiver(struct run_files *files, int64_t now_us)
{
    char text[512];
    bool there = true;
    int64_t patience_us = files->options->common.patience_us;
    const char *receiver = output_writer_receiver(files->output, &there);
    if (patience_us < 0 || !receiver || there || files->spool.child || files->failed ||
        files->last_ticket) {
        files->alone_since_us = 0;
        return NEVER_US;
    }
    if (files->alone_since_us == 0)
        files->alone_since_us = now_us;
    if (now_us - files->alone_since_us < patience_us)
        return files->alone_since_us + patience_us;
    snprintf(text, sizeof text, "no receiver at %.300s in %g s (--patience)", receiver,
             (double)patience_us / SECOND_US);
    run_files_fail(files, STATUS_IO, text, now_us);
    return now_us;
}

int64_t run_files_tick(struct run_files *files, int64_t now_us)
{
    return clock_earlier(output_writer_tick(files->output, now_us),
                         mind_receiver(files, now_us));
}

void run_files_write(struct run_files *files, int64_t now_us)
{
    uint64_t share = memory_share_bytes(files->session);
    bool full = spool_out_is_full(&files->spool, output_writer_bytes(files->output));
    if (!full)
        write_output(files, share, now_us);
    else if (output_writer_has_queued(files->output))
        spool_out_say_full(&files->spool, now_us);
    if (full || !output_writer_is_behind(files->output))
        relieve_memory(files, share, now_us);
    end_part(files, now_us);
}

/* ---- the end ---- */

struct sink_verdict run_files_end_output(struct run_files *files)
{
    bool finished = sink_session_finished(files->session);
    char error[ERROR_MAX];
    stall_watch_enter(files->stall_watch, STALL_OUTPUT);
    int status = output_writer_close(files->output, finished, error, sizeof error);
    stall_watch_leave(files->stall_watch);
    if (status != STATUS_OK) {
        files->late =
            (struct sink_verdict){.outcome = OUTCOME_STOPPED, .status = status};
        snprintf(files->late.text, sizeof files->late.text, "%.511s", error);
    }
    return files->late.status != STATUS_OK && finished
               ? files->late
               : sink_session_verdict(files->session);
}

void run_files_report(const struct run_files *files, const struct sink_verdict *verdict)
{
    const struct end_report report = {
        .options = files->options,
        .resume = files->resume,
        .format = &files->format,
        .verdict = *verdict,
        .finished = sink_session_finished(files->session),
        .dismissed = sink_session_dismissed(files->session),
        .output_lost = output_writer_is_lost(files->output),
        .dead_letters = sink_session_position(files->session).dead_letters,
        .tally = files->tally,
        .header_lines = dead_letter_writer_header_lines(files->dead_letters),
        .header_out = sink_session_header_out(files->session),
        .safe_next = checkpointer_safe_next(files->checkpointer),
        .safe_offset = checkpointer_safe_offset(files->checkpointer),
        .parts = output_writer_parts(files->output),
    };
    end_report_say(&report);
}

void run_files_close_sockets(struct run_files *files)
{
    char error[ERROR_MAX];
    if (output_writer_is_sent(files->output))
        output_writer_close(files->output, false, error, sizeof error);
}

void run_files_abandon_output(struct run_files *files)
{
    output_writer_abandon(files->output);
}

/* The ventilator knows of a complete run that it is; of a run that has written nothing
 * the journal says nothing, but that what an earlier sink left in the output does not
 * count. From what may be wrong nobody is to resume. */
void run_files_end_journal(struct run_files *files)
{
    bool finished = sink_session_finished(files->session);
    bool done = finished && sink_session_dismissed(files->session) &&
                files->late.status == STATUS_OK;
    bool empty = !finished && sink_session_position(files->session).next == 0 &&
                 !(files->resume->resumed && output_writer_was_as_found(files->output));
    if (done && files->part_files)
        part_files_sweep(files->part_files, files->options->output);
    bool wrong = sink_session_verdict(files->session).outcome == OUTCOME_DOUBT;
    if (done || empty || wrong)
        checkpointer_remove_journal(files->checkpointer);
    checkpointer_destroy(&files->checkpointer);
}

/* ---- for the loop ---- */

bool run_files_take_stirred(struct run_files *files)
{
    bool stirred = files->stirred;
    files->stirred = false;
    return stirred;
}

bool run_files_have_failed(const struct run_files *files)
{
    return files->failed;
}

void run_files_fill_output_item(const struct run_files *files, zmq_pollitem_t *item)
{
    output_writer_fill_item(files->output, item);
}

const char *run_files_awaited_receiver(const struct run_files *files, bool *ret_there)
{
    if (!files->spool.child)
        return output_writer_receiver(files->output, ret_there);
    *ret_there = files->spool.child->there;
    bool full = spool_out_is_full(&files->spool, output_writer_bytes(files->output));
    return files->last_ticket || full ? files->spool.receiver : NULL;
}

bool run_files_await_arrival(const struct run_files *files)
{
    return files->last_ticket != 0;
}

bool run_files_output_is_behind(const struct run_files *files)
{
    return output_writer_is_behind(files->output);
}

bool run_files_output_has_queued(const struct run_files *files)
{
    return output_writer_has_queued(files->output);
}

int run_files_sender_descriptor(const struct run_files *files)
{
    return spool_out_descriptor(&files->spool);
}

int run_files_commits_descriptor(const struct run_files *files)
{
    return checkpointer_descriptor(files->checkpointer);
}

uint64_t run_files_output_bytes(const struct run_files *files)
{
    return output_writer_bytes(files->output);
}
