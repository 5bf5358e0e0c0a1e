/* SPDX-License-Identifier: MIT */
/* Every way to the end of a sink: what is closed, what is kept, what a person is told.
 */
#include "sink/sink_state.h"

#include "common/exit_status.h"
#include "sink/again.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sink_leave(struct sink *sink, int status)
{
    sink->over = true;
    sink->status = status;
}

void sink_fail(struct sink *sink, int status, const char *text, int64_t now_us)
{
    enum outcome outcome = status > STATUS_SIGNAL && status != STATUS_OUTPUT_CLOSED
                               ? OUTCOME_INTERRUPTED
                               : OUTCOME_STOPPED;

    sink->failed = true;
    sink->stirred = true;
    sink_session_fail(sink->session, outcome, status, text, now_us);
}

void sink_fail_output(struct sink *sink, int error, int64_t now_us)
{
    char text[ERROR_MAX];

    sink->output_ended = true;
    if (sink->parts.outset.journal != NULL)
        output_cut(sink->parts.output);
    if (error == -EPIPE || error == -ECONNRESET) {
        sink_fail(sink, STATUS_OUTPUT_CLOSED, "", now_us);
        return;
    }
    snprintf(text, sizeof text, "cannot write %s: %s", output_name(sink->parts.output),
             strerror(-error));
    sink_fail(sink, STATUS_IO, text, now_us);
}

/* ---- the output ---- */

void sink_abandon_output(struct sink *sink)
{
    struct output *output = sink->parts.output;

    if (output == NULL)
        return;
    if (sink->parts.outset.journal != NULL)
        output_cut(output);
    sink->output_as_found = output_is_as_found(output);
    output_discard(output);
}

/* The last word of the kernel on what was written comes with close, when the session
 * takes all for done. A complete output without a byte is an empty file. */
static void close_output(struct sink *sink)
{
    char name[PATH_MAX];
    int result = 0, closed;

    snprintf(name, sizeof name, "%s", output_name(sink->parts.output));
    if (sink_session_finished(sink->session))
        result = output_complete(sink->parts.output);
    else
        sink_abandon_output(sink);
    closed = output_close(&sink->parts.output);
    result = result < 0 ? result : closed;
    sink->output_ended = true;
    if (result == 0)
        return;
    sink->late = (struct sink_verdict){OUTCOME_STOPPED, STATUS_IO, false, ""};
    snprintf(sink->late.text, sizeof sink->late.text, "cannot write %.300s: %s", name,
             output_error_text(result));
}

struct sink_verdict sink_end_output(struct sink *sink)
{
    struct sink_verdict verdict = sink_session_verdict(sink->session);

    if (sink->parts.output != NULL)
        close_output(sink);
    return sink->late.status != STATUS_OK && sink_session_finished(sink->session)
               ? sink->late
               : verdict;
}

/* ---- what a person is told ---- */

/* Under a launcher, which knows of its own signals, whoever ended the run has said why.
 */
static bool said_elsewhere(const struct sink *sink, const struct sink_verdict *verdict)
{
    return sink->options->common.supervised &&
           (verdict->relayed || verdict->outcome == OUTCOME_INTERRUPTED);
}

/* Lines of the header that lies with the dead letters. */
static unsigned header_lines(const struct sink *sink)
{
    unsigned lines = 0;
    for (size_t i = 0; i < sink->header_size; i++)
        lines += sink->header[i] == '\n';
    return lines;
}

static void say_how_again(const struct sink *sink)
{
    uint64_t count = sink_session_position(sink->session).dead_letters;
    const struct again again = {
        .directory = sink->parts.outset.letters,
        .format = sink->format,
        .header_lines = sink->header_kept ? header_lines(sink) : 0,
        .header_out = sink_session_header_out(sink->session),
        /* Where a run without options would find these letters. */
        .elsewhere = sink->options->output == NULL && sink->options->letters == NULL,
    };
    char *command = again_command(&again);
    say("%llu dead letter%s in %s; to run them again: %s", (unsigned long long)count,
        count == 1 ? "" : "s", again.directory, command);
    free(command);
}

static void say_letters(const struct sink *sink)
{
    uint64_t count = sink_session_position(sink->session).dead_letters;
    const char *directory = sink->parts.outset.letters;

    if (count == 0)
        return;
    if (sink_session_finished(sink->session))
        say_how_again(sink);
    else
        say("%llu dead letter%s in %s so far", (unsigned long long)count,
            count == 1 ? "" : "s", directory);
}

/* A run that stops where it was to go on was refused, as its input is another, or fails
 * as before: the same command would do no better. */
static bool got_nowhere(const struct sink *sink, const struct sink_verdict *verdict)
{
    return verdict->outcome == OUTCOME_STOPPED && sink->parts.outset.resumed &&
           sink->safe_next == sink->parts.outset.start.position.next;
}

/* How to go on: only the sink knows. */
static void say_journal(const struct sink *sink, const struct sink_verdict *verdict)
{
    if (sink->parts.outset.journal == NULL)
        return;
    if (!sink_session_finished(sink->session)) {
        if (sink->safe_next > 0 && !sink->output_lost && !got_nowhere(sink, verdict))
            say("%s is whole up to chunk %llu (byte %llu): the same command with "
                "--resume goes on",
                sink->options->output, (unsigned long long)sink->safe_next,
                (unsigned long long)sink->safe_offset);
    } else if (!sink_session_dismissed(sink->session)) {
        say("%s is complete; %s stays, as no ventilator said goodbye",
            sink->options->output, sink->parts.outset.journal);
    }
}

void sink_leave_with_verdict(struct sink *sink)
{
    struct sink_verdict verdict = sink_end_output(sink);

    if (said_elsewhere(sink, &verdict))
        log_event(LOG_LEVEL_INFO, "relayed", "status=%d", verdict.status);
    else if (verdict.text[0] != '\0')
        say("%s", verdict.text);
    say_letters(sink);
    say_journal(sink, &verdict);
    sink_leave(sink, verdict.status);
}

/* ---- the journal ---- */

/* Of a complete run it has been heard that it is; of a run that has written nothing it
 * says nothing, but that what an earlier sink left in the output does not count. Where
 * a commit may be under way still, it is left alone. */
void sink_end_journal(struct sink *sink)
{
    bool done = sink_session_finished(sink->session) &&
                sink_session_dismissed(sink->session) && sink->late.status == STATUS_OK;
    bool empty = !sink_session_finished(sink->session) &&
                 sink_session_position(sink->session).next == 0 &&
                 !(sink->parts.outset.resumed && sink->output_as_found);

    /* While the helper lives, it holds the lock: no other sink has a journal there. */
    if (sink->parts.outset.journal != NULL &&
        committer_is_idle(sink->parts.committer) && (done || empty))
        journal_remove(sink->parts.outset.journal);
    committer_stop(&sink->parts.committer);
}
