/* SPDX-License-Identifier: MIT */
#include "sink/dead_letters/dead_letter_tally.h"

#include "common/log.h"
#include <stdio.h>

enum { SAID_MAX = 512 };

/* A program says at last what went wrong. */
static struct slice last_line(struct slice text)
{
    while (text.size && text.data[text.size - 1] == '\n')
        text.size--;
    for (size_t i = text.size; i > 0; i--)
        if (text.data[i - 1] == '\n')
            return (struct slice){text.data + i, text.size - i};
    return text;
}

static void say_reason(const struct dead_letter *letter)
{
    char how[96], said[4 * SAID_MAX + 8], input[600] = "";
    struct slice line = last_line(letter->text);
    if (letter->input.size)
        log_quote(input, sizeof input, letter->input.data, letter->input.size);
    log_quote(said, sizeof said, line.data,
              line.size < SAID_MAX ? line.size : SAID_MAX);
    say("left out record %llu%s%s (chunk %llu, byte %llu): %s%s%s; the run tells the "
        "reason of the first such record only, and dead letters tell each",
        (unsigned long long)letter->record + 1, *input ? " of " : "", input,
        (unsigned long long)letter->seq, (unsigned long long)letter->offset,
        dead_letter_cause(letter, how, sizeof how), line.size ? "; it said: " : "",
        line.size ? said : "");
}

void dead_letter_tally_add(struct dead_letter_tally *tally,
                           const struct dead_letter *dead_letters, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (dead_letters[i].whole)
            tally->chunks++;
        else if (tally->records++ == 0)
            say_reason(&dead_letters[i]);
    }
}

const char *dead_letter_tally_describe(const struct dead_letter_tally *tally,
                                       uint64_t all, char text[DEAD_LETTER_TALLY_MAX])
{
    unsigned long long chunks = tally->chunks, records = tally->records;
    const char *before = tally->chunks + tally->records < all ? "of this run " : "";
    text[0] = '\0';
    if (chunks && records)
        snprintf(text, DEAD_LETTER_TALLY_MAX,
                 " (%s%llu chunk%s, and %llu record%s of others)", before, chunks,
                 chunks == 1 ? "" : "s", records, records == 1 ? "" : "s");
    else if (chunks)
        snprintf(text, DEAD_LETTER_TALLY_MAX, " (%s%llu whole chunk%s)", before, chunks,
                 chunks == 1 ? "" : "s");
    else if (records)
        snprintf(text, DEAD_LETTER_TALLY_MAX, " (%s%llu record%s)", before, records,
                 records == 1 ? "" : "s");
    return text;
}
