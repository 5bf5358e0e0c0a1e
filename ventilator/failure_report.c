/* SPDX-License-Identifier: MIT */
/* Names the chunk by what a person can find again in the input. */
#include "ventilator/failure_report.h"

#include "common/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SAID_MAX = 512 /* bytes of stderr's tail that are shown, escaped */ };

/* `before`: " (", or the same with the name of the input. */
static const char *describe_place(char *text, size_t size, const char *before,
                                  const struct chunk *chunk)
{
    if (!chunk)
        text[0] = '\0';
    else if (chunk->length == 0 && chunk->records == 0) /* the header is all */
        snprintf(text, size, "%sno records)", before);
    else if (chunk->length == 0)
        snprintf(text, size, "%sempty, record %" PRIu64 ")", before,
                 chunk->first_record + 1);
    else if (chunk->records == 1)
        snprintf(text, size, "%sbytes %" PRIu64 "-%" PRIu64 ", record %" PRIu64 ")",
                 before, chunk->offset, chunk->offset + chunk->length - 1,
                 chunk->first_record + 1);
    else if (chunk->records)
        snprintf(text, size,
                 "%sbytes %" PRIu64 "-%" PRIu64 ", records %" PRIu64 "-%" PRIu64 ")",
                 before, chunk->offset, chunk->offset + chunk->length - 1,
                 chunk->first_record + 1, chunk->first_record + chunk->records);
    else
        snprintf(text, size, "%sbytes %" PRIu64 "-%" PRIu64 ")", before, chunk->offset,
                 chunk->offset + chunk->length - 1);
    return text;
}

static const char *describe_cause(char *text, size_t size, enum failure how,
                                  uint32_t code)
{
    switch (how) {
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
                                            : "killed, probably for want of memory";
    case FAILURE_PROTOCOL:
        return code == FAILURE_PROTOCOL_MUTE
                   ? "the program has never answered anything"
                   : "the program broke the rules of its mode";
    case FAILURE_TOO_LARGE:
        return "the result is larger than the sink takes";
    case FAILURE_REPORTED:
        snprintf(text, size, "the program reported failure %" PRIu32, code);
        break;
    case FAILURE_LOST:
        return "its workers were lost, again and again";
    default: /* a peer's number is checked by the decoder */
        return "for an unknown reason";
    }
    return text;
}

/* The end of what the program wrote to stderr, without the last newline. */
static const char *quote_tail(char *text, size_t size,
                              const struct dispatch_failure *failure)
{
    const uint8_t *tail = failure->text;
    size_t length = failure->text_size;
    if (length && tail[length - 1] == '\n')
        length--;
    if (length > SAID_MAX) {
        tail += length - SAID_MAX;
        length = SAID_MAX;
    }
    return log_quote(text, size, tail, length);
}

/* Of the text: mostly it is the program's. */
static const char *introduction(const struct dispatch_failure *failure)
{
    bool ours = failure->how == FAILURE_MEMORY && failure->code == FAILURE_MEMORY_LIMIT;
    return ours || failure->how == FAILURE_PROTOCOL ? ": " : "; it said: ";
}

static bool says(const struct dispatch_failure *failure, const char *words)
{
    return memmem(failure->text, failure->text_size, words, strlen(words)) != NULL;
}

/* Of a program that says nothing and ends with 1, which mostly is no failure of it, and
 * of one that is written for mode frames, whose module it finds nowhere else. */
static const char *hint(const struct dispatch_failure *failure)
{
    if (failure->how != FAILURE_EXIT || failure->code != 1)
        return "";
    if (failure->text_size == 0)
        return "; if that is how it says that it found nothing, as grep "
               "does: --shell 'grep ... || [ $? = 1 ]'";
    if (says(failure, "No module named 'fanfold'") || says(failure, "'/fanfold.R'"))
        return "; a program that is served by this module is for --mode frames";
    return "";
}

const char *failure_report(char *text, size_t size,
                           const struct dispatch_failure *failure,
                           const struct chunk *chunk, const char *input)
{
    char before[300], place[450], cause[96], said[4 * SAID_MAX + 8] = "";
    snprintf(before, sizeof before, " (%s%s", input ? input : "", input ? ": " : "");
    if (failure->text_size)
        quote_tail(said, sizeof said, failure);
    snprintf(text, size,
             "chunk %" PRIu64 "%s failed for good after %" PRIu32
             " attempt%s: %s%s%s%s",
             failure->seq, describe_place(place, sizeof place, before, chunk),
             failure->attempts, failure->attempts == 1 ? "" : "s",
             describe_cause(cause, sizeof cause, failure->how, failure->code),
             failure->text_size ? introduction(failure) : "", said, hint(failure));
    return text;
}
