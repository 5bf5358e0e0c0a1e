/* SPDX-License-Identifier: MIT */
#include "deploy/local/rerun_words.h"

#include "common/memory.h"
#include "common/shell_quote.h"
#include "common/slice.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 12 << 10 }; /* bytes: a line on standard error is cut beyond 15 K */

/* Where the run's records, results and hosts are, and what a person sees of it: these
 * are another run's, or the sink knows them. The dead letters are files, and so have
 * nothing that is for messages and other streams. */
static bool stays_behind(const char *option)
{
    static const char *const names[] = {
        "input",          "arg-file",    "whole-files",    "no-decompress",
        "header",         "dry-run",     "format",         "max-lines",
        "recend",         "recstart",    "regexp",         "null",
        "fixed",          "min-workers", "dead-letters",   "resume",
        "output",         "header-out",  "joblog",         "progress",
        "quiet",          "log-level",   "advertise",      "insecure",
        "speculate",      "no-progress", "frames-out",     "records-out",
        "envelope",       "keys-out",    "topic",          "sub-seq",
        "keys-in",        "hwm",         "frame",          "frame-sep",
        "end-message",    "idle",        "spool",          "spool-size",
        "committed-fd",   "committed",   "from-committed", "block-timeout",
        "linger",         "latency",     "rotate",         "spool-out",
        "spool-out-size", "on-lost",     "drain-before",   "by-reference",
        "root",           "parts",       "port-range",     "interface",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(option, names[i]) == 0)
            return true;
    return false;
}

/* What is this host's business, or is in the line that goes before. */
static bool is_own(const char *option)
{
    static const char *const names[] = {"jobs",    "quiet",      "log-level", "tasks",
                                        "results", "port-range", "interface"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(option, names[i]) == 0)
            return true;
    return false;
}

static bool is_for_rerun(const struct passed *passed)
{
    return passed_to_some(passed) && !stays_behind(passed_name(passed));
}

static bool is_for_join(const struct passed *passed)
{
    return passed_to(passed, ROLE_WORKER) && !is_own(passed_name(passed));
}

static void print_option(FILE *stream, const char *option, const char *value)
{
    if (!value) {
        fprintf(stream, "--%s ", option);
        return;
    }
    char *word = allocate_text("--%s=%s", option, value);
    shell_quote_if_needed(stream, word);
    fputc(' ', stream);
    free(word);
}

static void print_words(FILE *stream, const struct arguments *arguments,
                        bool (*is_for)(const struct passed *passed))
{
    for (size_t i = 0; i < arguments->count; i++) {
        const struct passed *passed = &arguments->passed[i];
        if (is_for(passed))
            print_option(stream, passed_name(passed), passed->value);
    }
    fputs("--", stream);
    for (char **word = arguments->command; *word; word++) {
        fputc(' ', stream);
        shell_quote_if_needed(stream, *word);
    }
}

/* Whether a line on standard error shows it as it is: other bytes are spelled there,
 * but for newlines and tabs. */
static bool is_shown_as_it_is(const char *text)
{
    size_t size = strlen(text);
    if (size > WORDS_MAX)
        return false;
    char plain[WORDS_MAX + 1], shown[WORDS_MAX + 1];
    for (size_t i = 0; i < size; i++)
        plain[i] = text[i] == '\n' || text[i] == '\t' ? ' ' : text[i];
    slice_copy_printable((struct slice){(const uint8_t *)plain, size}, shown,
                         sizeof shown);
    return strlen(shown) == size && memcmp(plain, shown, size) == 0;
}

static char *words_for(const struct arguments *arguments,
                       bool (*is_for)(const struct passed *passed))
{
    char *words = NULL;
    size_t size;
    FILE *stream = open_memstream(&words, &size);
    if (!stream)
        abort_out_of_memory();
    print_words(stream, arguments, is_for);
    if (fclose(stream) != 0)
        abort_out_of_memory();
    if (is_shown_as_it_is(words))
        return words;
    free(words);
    return NULL;
}

char *rerun_words(const struct arguments *arguments)
{
    return words_for(arguments, is_for_rerun);
}

char *join_words(const struct arguments *arguments)
{
    return words_for(arguments, is_for_join);
}
