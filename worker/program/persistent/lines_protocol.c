/* SPDX-License-Identifier: MIT */
/* Counts ends of lines, each byte once. */
#include "worker/program/persistent/lines_protocol.h"
#include "common/log.h"
#include "common/records/records.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct record_format line_format = RECORD_FORMAT_DEFAULT;

static const char buffering_hint[] =
    "If it holds output back in a buffer, make it write line by line: sed -u, grep "
    "--line-buffered, gawk with fflush(), mawk -W interactive, python -u, stdbuf -oL";

static const char advice[] =
    "mode lines is for programs that answer each line with one, and print all else "
    "to standard error";

enum { QUOTED_MAX = 60 };

static bool ends_with_newline(struct slice bytes)
{
    return bytes.size > 0 && bytes.data[bytes.size - 1] == '\n';
}

uint64_t lines_ends(struct slice bytes)
{
    uint64_t lines = records_count(&line_format, bytes);
    return bytes.size > 0 && !ends_with_newline(bytes) ? lines - 1 : lines;
}

struct lines_question lines_question(struct slice header, struct slice input)
{
    struct slice last = input.size > 0 ? input : header;
    struct lines_question question = {
        .lines = lines_ends(header) + lines_ends(input),
        .lacks_end = last.size > 0 && !ends_with_newline(last),
    };
    question.lines += question.lacks_end;
    return question;
}

bool lines_protocol_take(struct lines_protocol *protocol,
                         const struct lines_question *question, struct slice bytes,
                         size_t *ret_used, size_t *ret_size)
{
    struct slice fresh = {bytes.data + protocol->scanned,
                          bytes.size - protocol->scanned};
    uint64_t wanted = question->lines - protocol->answered;
    uint64_t ends = wanted > 0 ? lines_ends(fresh) : 0;
    if (ends < wanted) {
        protocol->answered += ends;
        protocol->scanned = bytes.size;
        return false;
    }
    size_t used = protocol->scanned + records_size(&line_format, fresh, wanted);
    *protocol = (struct lines_protocol){0};
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
                 "out, as grep and many an awk filter do, it is for --mode exec",
                 silence_s, buffering_hint);
    return text;
}

const char *lines_too_many(char *text, size_t size, uint64_t surplus, uint64_t wanted)
{
    snprintf(text, size,
             "the program answered %" PRIu64 " line%s with more lines (%" PRIu64
             " more, at least): %s",
             wanted, wanted == 1 ? "" : "s", surplus, advice);
    return text;
}

const char *lines_unasked(char *text, size_t size, struct slice bytes)
{
    char quoted[4 * QUOTED_MAX + 8];
    const uint8_t *end = memchr(bytes.data, '\n', bytes.size);
    size_t first = end ? (size_t)(end - bytes.data) : bytes.size;
    bool cut = first > QUOTED_MAX;
    log_quote(quoted, sizeof quoted, bytes.data, cut ? QUOTED_MAX : first);
    snprintf(text, size,
             "the program wrote lines that it was not asked for (%" PRIu64
             ", at least, the first of them %s%s): %s",
             lines_surplus(bytes), quoted, cut ? " ..." : "", advice);
    return text;
}

const char *lines_ahead(char *text, size_t size, uint64_t answered, uint64_t read)
{
    snprintf(text, size,
             "the program wrote lines that it was not asked for (%" PRIu64
             " lines, when it had read %" PRIu64 "): %s",
             answered, read, advice);
    return text;
}

const char *lines_absent(char *text, size_t size, double silence_s)
{
    snprintf(text, size,
             "the program wrote as many lines as it was asked for, but has not turned "
             "to its input again for %g s (--silence): it is at something, and more "
             "lines may follow",
             silence_s);
    return text;
}

const char *lines_mute(char *text, size_t size, double silence_s)
{
    snprintf(text, size,
             "the program has read lines and has written nothing for %g s. %s. If it "
             "leaves lines out, as grep and many an awk filter do, or answers only at "
             "the end of its input, it is for --mode exec",
             silence_s, buffering_hint);
    return text;
}
