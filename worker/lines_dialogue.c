/* SPDX-License-Identifier: MIT */
/* Counts ends of lines, each byte once. */
#include "worker/lines_dialogue.h"
#include "common/records.h"

#include <inttypes.h>
#include <stdio.h>

static const struct record_format line_format = RECORD_FORMAT_DEFAULT;

static const char buffering_hint[] =
    "If it holds output back in a buffer, make it write line by line: sed -u, grep "
    "--line-buffered, gawk with fflush(), mawk -W interactive, python -u, stdbuf -oL";

static bool ends_with_newline(struct slice bytes)
{
    return bytes.size > 0 && bytes.data[bytes.size - 1] == '\n';
}

/* Ends of lines. */
static uint64_t count_ends(struct slice bytes)
{
    uint64_t lines = records_count(&line_format, bytes);
    return bytes.size > 0 && !ends_with_newline(bytes) ? lines - 1 : lines;
}

struct lines_question lines_question(struct slice header, struct slice input)
{
    struct slice last = input.size > 0 ? input : header;
    struct lines_question question = {
        .lines = count_ends(header) + count_ends(input),
        .lacks_end = last.size > 0 && !ends_with_newline(last),
    };
    question.lines += question.lacks_end;
    return question;
}

bool lines_dialogue_take(struct lines_dialogue *dialogue,
                         const struct lines_question *question, struct slice bytes,
                         size_t *ret_used, size_t *ret_size)
{
    struct slice fresh = {bytes.data + dialogue->scanned,
                          bytes.size - dialogue->scanned};
    uint64_t wanted = question->lines - dialogue->answered;
    uint64_t ends = wanted > 0 ? count_ends(fresh) : 0;
    if (ends < wanted) {
        dialogue->answered += ends;
        dialogue->scanned = bytes.size;
        return false;
    }
    size_t used = dialogue->scanned + records_size(&line_format, fresh, wanted);
    *dialogue = (struct lines_dialogue){0};
    *ret_used = used;
    *ret_size = used - question->lacks_end;
    return true;
}

uint64_t lines_surplus(struct slice bytes)
{
    return records_count(&line_format, bytes);
}

const char *lines_too_few(char *text, size_t size, uint64_t answered, uint64_t wanted,
                          double silence_s)
{
    int used = snprintf(text, size,
                        "the program answered %" PRIu64 " of %" PRIu64 " line%s",
                        answered, wanted, wanted == 1 ? "" : "s");
    if (silence_s > 0)
        snprintf(text + used, size - (size_t)used,
                 " and then wrote nothing for %g s (--silence). %s. If it leaves lines "
                 "out, as grep does, it is for --mode exec",
                 silence_s, buffering_hint);
    return text;
}

const char *lines_too_many(char *text, size_t size, uint64_t surplus, uint64_t wanted)
{
    if (wanted > 0)
        snprintf(text, size,
                 "the program answered %" PRIu64 " line%s with more lines (%" PRIu64
                 " more, at least): mode lines is for programs that answer each line "
                 "with one",
                 wanted, wanted == 1 ? "" : "s", surplus);
    else
        snprintf(text, size,
                 "the program wrote lines that it was not asked for (%" PRIu64
                 ", at least): mode lines is for programs that answer each line with "
                 "one",
                 surplus);
    return text;
}

const char *lines_mute(char *text, size_t size, double silence_s)
{
    snprintf(text, size,
             "the program has read lines and has written nothing for %g s. %s. If it "
             "answers only at the end of its input, it is for --mode exec",
             silence_s, buffering_hint);
    return text;
}
