/* SPDX-License-Identifier: MIT */
#include "sink/end_report.h"

#include "common/exit_status.h"
#include "common/log.h"
#include "sink/dead_letters/rerun_command.h"
#include "sink/output/output_part.h"
#include <stdlib.h>

/* Under a launcher, which knows of its own signals, another has said why. */
static bool is_relayed(const struct end_report *report)
{
    return report->options->common.supervised &&
           (report->verdict.relayed || report->verdict.outcome == OUTCOME_INTERRUPTED);
}

static void say_verdict(const struct end_report *report)
{
    if (is_relayed(report))
        log_event(LOG_LEVEL_INFO, "relayed", "status=%d", report->verdict.status);
    else if (report->verdict.text[0] != '\0')
        say("%s", report->verdict.text);
}

/* With `words`, the run's other options and its command, or NULL. */
static char *command_of(const struct end_report *report, const char *words)
{
    const struct rerun_command command = {
        .directory = report->resume->dead_letters,
        .format = *report->format,
        .header_lines = report->header_lines,
        .header_out = report->header_out,
        /* Where a run without options would find these dead letters. */
        .elsewhere = !report->options->output && !report->options->dead_letters,
        .words = words,
    };
    return rerun_command(&command);
}

static void say_dead_letters(const struct end_report *report)
{
    unsigned long long count = report->dead_letters;
    const char *plural = count == 1 ? "" : "s";
    const char *directory = report->resume->dead_letters;
    char what[DEAD_LETTER_TALLY_MAX];
    if (count == 0)
        return;
    dead_letter_tally_describe(&report->tally, count, what);
    if (!report->finished) {
        say("%llu dead letter%s%s in %s so far", count, plural, what, directory);
        return;
    }
    char *command = command_of(report, NULL);
    say("%llu dead letter%s%s in %s; to run them again: %s", count, plural, what,
        directory, command);
    free(command);
    if (!report->options->rerun)
        return;
    command = command_of(report, report->options->rerun);
    say("with the options and the command of this run: %s", command);
    free(command);
}

/* The first chunk that failed for good ended the run. Where the run leaves dead
 * letters, there are some by then. */
static bool stopped_at_chunk(const struct end_report *report)
{
    return report->verdict.status == STATUS_CHUNK_FAILED &&
           (report->options->no_dead_letters || report->dead_letters == 0);
}

/* The run stops where it was resumed: it was refused, as its input is another, or fails
 * as before. The same command would do no better. */
static bool got_nowhere(const struct end_report *report)
{
    return report->verdict.outcome == OUTCOME_STOPPED && report->resume->resumed &&
           report->safe_next == report->resume->start.position.next;
}

/* A chunk that has failed fails again, unless something is done about it. */
static void say_how_to_resume(const struct end_report *report)
{
    const char *output = report->options->output;
    unsigned long long next = report->safe_next, offset = report->safe_offset;
    bool failed = stopped_at_chunk(report);
    if (report->verdict.outcome == OUTCOME_DOUBT) {
        say("%s may be wrong, and cannot be resumed: run the command again, without "
            "--resume",
            output);
        return;
    }
    if (report->finished || next == 0 || report->output_lost)
        return;
    if (!got_nowhere(report))
        say("%s is whole up to chunk %llu (byte %llu): repeat the command with "
            "--resume%s to continue%s",
            output, next, offset,
            report->options->from_messages ? " --from-committed" : "",
            failed ? "; with --on-error isolate too, it leaves out the records that "
                     "fail (with --on-error skip the whole chunk)"
                   : "");
    else if (failed)
        say("%s is whole up to chunk %llu (byte %llu), as before: with --on-error "
            "isolate as well, the command leaves out the records that fail (with "
            "--on-error skip the whole chunk)",
            output, next, offset);
}

/* Nothing is there that could be resumed, and the same command would fail again. */
static void hint_at_bad_records(const struct end_report *report)
{
    bool resumes = report->resume->journal && report->safe_next > 0;
    if (stopped_at_chunk(report) && !report->finished && !resumes &&
        !report->options->common.quiet)
        say("hint: if only some records fail, --on-error isolate leaves them out "
            "(--on-error skip the whole chunk)");
}

static void say_journal(const struct end_report *report)
{
    const char *output = report->options->output;
    if (!report->resume->journal)
        return;
    if (report->finished && !report->dismissed)
        say("%s is complete; the sink keeps %s, because the ventilator did not confirm "
            "the end",
            output, report->resume->journal);
    say_how_to_resume(report);
}

static void say_parts(const struct end_report *report)
{
    const char *output = report->options->output;
    if (report->parts == 0 || report->options->common.quiet)
        return;
    char *first = output_part_path(output, 1);
    char *last = output_part_path(output, report->parts);
    if (report->parts == 1)
        say("the output is in %s%s", first, report->finished ? "" : " so far");
    else
        say("the output is in %llu parts, %s to %s%s",
            (unsigned long long)report->parts, first, last,
            report->finished ? "" : " so far");
    free(first);
    free(last);
}

void end_report_say(const struct end_report *report)
{
    say_parts(report);
    say_verdict(report);
    say_dead_letters(report);
    say_journal(report);
    hint_at_bad_records(report);
}
