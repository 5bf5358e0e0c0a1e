/* SPDX-License-Identifier: MIT */
/* Names the chunk by the bytes and records that a person can find in the input. */
#include "ventilator/report/failure_report.h"

#include "common/log.h"
#include "common/slice.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum {
    LAST_MAX = 512,   /* bytes of the last line that stand in the sentence */
    LINES_MAX = 2048, /* bytes of stderr's tail that stand below it */
};

/* `before`: " (", or the same with the name of the input. */
static const char *describe_place(char *text, size_t size, const char *before,
                                  const struct chunk *chunk)
{
    uint64_t length = chunk ? chunk_input_length(chunk) : 0;
    uint64_t last = chunk ? chunk->offset + length - 1 : 0;
    if (!chunk)
        text[0] = '\0';
    else if (length == 0 && chunk->records == 0) /* there is only a header */
        snprintf(text, size, "%sno records)", before);
    else if (length == 0)
        snprintf(text, size, "%sempty, record %" PRIu64 ")", before,
                 chunk->first_record + 1);
    else if (chunk->records == 1)
        snprintf(text, size, "%sbytes %" PRIu64 "-%" PRIu64 ", record %" PRIu64 ")",
                 before, chunk->offset, last, chunk->first_record + 1);
    else if (chunk->records)
        snprintf(text, size,
                 "%sbytes %" PRIu64 "-%" PRIu64 ", records %" PRIu64 "-%" PRIu64 ")",
                 before, chunk->offset, last, chunk->first_record + 1,
                 chunk->first_record + chunk->records);
    else
        snprintf(text, size, "%sbytes %" PRIu64 "-%" PRIu64 ")", before, chunk->offset,
                 last);
    return text;
}

static const char *describe_cause(char *text, size_t size, enum failure cause,
                                  uint32_t code)
{
    switch (cause) {
    case FAILURE_EXIT:
        snprintf(text, size, "exit status %" PRIu32, code);
        break;
    case FAILURE_SIGNAL:
        snprintf(text, size, "ended by signal %" PRIu32 " (%s)", code,
                 code < 65 ? strsignal((int)code) : "?");
        break;
    case FAILURE_TIMEOUT:
        return "it ran longer than --timeout allows";
    case FAILURE_MEMORY:
        return code == FAILURE_MEMORY_LIMIT ? "killed for its use of memory"
                                            : "killed, probably because memory ran out";
    case FAILURE_PROTOCOL:
        if (code == FAILURE_PROTOCOL_TOO_MANY) {
            snprintf(text, size, "more than %d of its records are bad", BAD_MAX);
            break;
        }
        return code == FAILURE_PROTOCOL_MUTE
                   ? "the program has never answered anything"
                   : "the program broke the rules of its mode";
    case FAILURE_TOO_LARGE:
        return "the result is larger than the sink takes";
    case FAILURE_REPORTED:
        snprintf(text, size, "the program reported failure %" PRIu32, code);
        break;
    case FAILURE_KIND:
        return "the worker does not know this kind of task";
    case FAILURE_REFERENCE:
        return "the worker cannot read the file that has it";
    case FAILURE_LOST:
        return "its workers were lost, again and again";
    default: /* the decoder lets no other number through */
        return "for an unknown reason";
    }
    return text;
}

static struct slice without_end(struct slice text)
{
    while (text.size && text.data[text.size - 1] == '\n')
        text.size--;
    return text;
}

/* A program says at last what went wrong. */
static struct slice last_line(struct slice text)
{
    const uint8_t *newline = text.size ? memrchr(text.data, '\n', text.size) : NULL;
    if (!newline)
        return text;
    size_t before = (size_t)(newline + 1 - text.data);
    return (struct slice){newline + 1, text.size - before};
}

static const char *quote_last(char *text, size_t size, struct slice said)
{
    struct slice line = last_line(said);
    size_t length = line.size < LAST_MAX ? line.size : LAST_MAX;
    return log_quote(text, size, line.data, length);
}

/* The last LINES_MAX bytes, from the beginning of a line. */
static struct slice last_lines(struct slice said)
{
    if (said.size <= LINES_MAX)
        return said;
    struct slice tail = {said.data + said.size - LINES_MAX, LINES_MAX};
    const uint8_t *newline = memchr(tail.data, '\n', tail.size);
    if (!newline)
        return tail;
    size_t before = (size_t)(newline + 1 - tail.data);
    return (struct slice){newline + 1, tail.size - before};
}

/* All that the program said, line by line, if that is more than one. The indent tells
 * these lines from our own. */
static void append_lines(char *text, size_t size, struct slice said)
{
    size_t used = strlen(text);
    if (last_line(said).size == said.size)
        return;
    for (struct slice rest = last_lines(said); rest.size && used + 8 < size;) {
        const uint8_t *newline = memchr(rest.data, '\n', rest.size);
        size_t length = newline ? (size_t)(newline - rest.data) : rest.size;
        used += (size_t)snprintf(text + used, size - used, "\n    ");
        slice_copy_printable((struct slice){rest.data, length}, text + used,
                             size - used);
        used += strlen(text + used);
        size_t taken = newline ? length + 1 : length;
        rest = (struct slice){rest.data + taken, rest.size - taken};
    }
}

/* Before the text, which mostly is the program's. */
static const char *introduction(const struct dispatch_failure *failure)
{
    bool memory = failure->cause == FAILURE_MEMORY &&
                  failure->code == FAILURE_MEMORY_LIMIT;
    bool terminal = failure->cause == FAILURE_SIGNAL &&
                    (failure->code == SIGTTIN || failure->code == SIGTTOU);
    return memory || terminal || failure->cause == FAILURE_PROTOCOL ? ": "
                                                                    : "; it said: ";
}

static bool says(const struct dispatch_failure *failure, const char *words)
{
    return memmem(failure->text, failure->text_size, words, strlen(words)) != NULL;
}

/* For a program that says nothing and exits with 1, which is mostly no failure; and for
 * one that needs --mode frames, and finds its module in no other mode. */
static const char *hint(const struct dispatch_failure *failure)
{
    bool one = failure->cause == FAILURE_EXIT && failure->code == 1;
    if (one && failure->text_size == 0)
        return "; if status 1 means that it found nothing, as with grep, use "
               "--shell 'grep ... || [ $? = 1 ]'";
    if (one &&
        (says(failure, "No module named 'fanfold'") || says(failure, "'/fanfold.R'")))
        return "; a program with this module needs --mode frames";
    return "";
}

const char *failure_describe(char *text, size_t size,
                             const struct dispatch_failure *failure)
{
    char cause[96], quoted[4 * LAST_MAX + 8] = "";
    struct slice said = without_end((struct slice){failure->text, failure->text_size});
    if (failure->text_size)
        quote_last(quoted, sizeof quoted, said);
    snprintf(text, size, "%s%s%s",
             describe_cause(cause, sizeof cause, failure->cause, failure->code),
             failure->text_size ? introduction(failure) : "", quoted);
    return text;
}

const char *failure_report(char *text, size_t size,
                           const struct dispatch_failure *failure,
                           const struct chunk *chunk, const char *input)
{
    char before[300], place[450], how[4 * LAST_MAX + 128];
    struct slice said = without_end((struct slice){failure->text, failure->text_size});
    snprintf(before, sizeof before, " (%s%s", input ? input : "", input ? ": " : "");
    snprintf(text, size,
             "chunk %" PRIu64 "%s failed for good after %" PRIu32 " attempt%s: %s%s",
             failure->seq, describe_place(place, sizeof place, before, chunk),
             failure->attempts, failure->attempts == 1 ? "" : "s",
             failure_describe(how, sizeof how, failure), hint(failure));
    append_lines(text, size, said);
    return text;
}
