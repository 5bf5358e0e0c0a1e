/* SPDX-License-Identifier: MIT */
/* Commits: ordered where the session wants one, and told to it when they are made. */
#include "sink/sink_state.h"

#include "common/exit_status.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void fail_journal(struct sink *sink, const char *text, int64_t now_us)
{
    sink->failed = sink->output_ended = sink->journal_ended = sink->stirred = true;
    sink_session_on_journal_failed(sink->session, text, now_us);
}

static void fail_committer(struct sink *sink, int error, int64_t now_us)
{
    char text[ERROR_MAX];

    snprintf(text, sizeof text, "cannot make %.300s safe: %s", sink->options->output,
             error == -EPIPE ? "the process that does it is gone" : strerror(-error));
    fail_journal(sink, text, now_us);
}

/* A complete output has nothing behind its end, before that is said to be so. */
static bool cut_complete(struct sink *sink, int64_t now_us)
{
    char text[ERROR_MAX];
    int result = output_complete(sink->parts.output);

    if (result == 0)
        return true;
    sink->output_lost = result == -ESTALE;
    snprintf(text, sizeof text, "cannot write %.300s: %s", sink->options->output,
             output_error_text(result));
    fail_journal(sink, text, now_us);
    return false;
}

void sink_commit(struct sink *sink, uint64_t ticket, int64_t now_us)
{
    struct journal journal = {.position = sink_session_position(sink->session)};
    struct commit_letters letters = {.first = sink->letters_ordered + 1,
                                     .last = journal.position.dead_letters};

    if (sink->journal_ended ||
        (journal.position.finished && !cut_complete(sink, now_us)))
        return;
    journal.offset = output_whole_bytes(sink->parts.output);
    journal.letters_name = sink->parts.outset.start.letters_name;
    int result = committer_order(sink->parts.committer, ticket, &journal, &letters);
    if (result < 0) {
        fail_committer(sink, result, now_us);
        return;
    }
    sink->letters_ordered = letters.last;
}

static void take_answer(struct sink *sink, const struct commit_answer *answer,
                        int64_t now_us)
{
    char text[ERROR_MAX];

    if (answer->error == 0) {
        sink->safe_next = answer->next;
        sink->safe_offset = answer->offset;
        sink_session_on_committed(sink->session, answer->ticket, now_us);
        sink->stirred = true;
        return;
    }
    snprintf(text, sizeof text, "%s of %.300s: %s", commit_step_text(answer->step),
             sink->options->output, strerror(-answer->error));
    fail_journal(sink, text, now_us);
}

void sink_receive_commits(struct sink *sink, int64_t now_us)
{
    struct commit_answer answer;
    int result;

    if (sink->parts.committer == NULL || sink->journal_ended)
        return;
    while ((result = committer_take(sink->parts.committer, &answer)) > 0)
        take_answer(sink, &answer, now_us);
    if (result < 0)
        fail_committer(sink, result, now_us);
}
