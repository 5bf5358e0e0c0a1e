/* SPDX-License-Identifier: MIT */
/*
 * Answerable for the words on the command lines: which are the launcher's, which are
 * passed on, and to whom. The table is all that it knows of the roles' options. A value
 * is checked here only where several roles would complain of it at once.
 */
#include "deploy/local/arguments.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "common/options.h"
#include "common/place.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { V = 1 << ROLE_VENTILATOR, W = 1 << ROLE_WORKER, S = 1 << ROLE_SINK };
enum { ALL = V | W | S };

/* What a value must be; FREE: its owner says. ALIAS: the row is another name of the one
 * above, which has all else. */
enum check { FREE, LIVENESS, PATIENCE, LEVEL, ALIAS };

struct option_row {
    const char *name; /* NULL: a heading, which is `help` */
    char letter;      /* 0: none */
    const char *value;
    unsigned owners; /* roles that it is passed on to; 0: the launcher's own */
    enum check check;
    const char *help;
};

static const struct option_row rows[] = {
    {.help = "Input:"},
    {"input", 'i', "FILE", V, FREE,
     "Read FILE instead of standard input, which is -; several, one after the other"},
    {"arg-file", 'a', "FILE", V, FREE, "As --input"},
    {"whole-files", 0, NULL, V, FREE, "Each input is one chunk, and one record"},
    {"no-decompress", 0, NULL, V, FREE, "Take gzip, bzip2, xz, zstd, lz4 as they are"},
    {"header", 0, "N", V, FREE,
     "The first N lines of each input go before every chunk; : is 1"},
    {"dry-run", 0, NULL, V, FREE, "Only show the command and list the chunks"},

    {.help = "Chunks:"},
    {"block", 0, "SIZE|auto", V, FREE,
     "About SIZE bytes of whole records a chunk, or what runs for about half a second "
     "(1M; auto in mode lines)"},
    {.name = "block-size", .check = ALIAS},
    {"block-timeout", 0, "DURATION", V, FREE,
     "Do not wait longer for a stream to fill a chunk (1; for ever with -N)"},
    {.name = "bt", .check = ALIAS},
    {"max-replace-args", 'N', "RECORDS", V, FREE, "So many records a chunk"},
    {"format", 0, "FORMAT", V, FREE,
     "What a record is: lines, nul, csv, fasta, fastq, frames, or whole (lines)"},
    {"max-lines", 'L', "LINES", V, FREE, "So many lines a record"},
    {"recend", 0, "STRING", V, FREE, "What ends a record (\\n)"},
    {"recstart", 0, "STRING", V, FREE, "What begins a record"},
    {"regexp", 0, NULL, V, FREE, "These are regular expressions"},
    {"null", '0', NULL, V, FREE, "A zero byte ends a record"},
    {"fixed", 0, "SIZE", V, FREE, "So many bytes a record"},
    {"max-record", 0, "SIZE", V, FREE, "A longer record is an error (256M)"},
    {"window", 0, "CHUNKS", V, FREE, "How far tasks run ahead of the output (4096)"},
    {"buffer", 0, "SIZE", V, FREE, "Memory for what waits (256M)"},
    {"min-workers", 0, "COUNT", V, FREE,
     "Wait for COUNT workers before the first task"},

    {.help = "Failure:"},
    {"retries", 0, "TIMES", V, FREE, "Attempts that a chunk has (3); 0 is no limit"},
    {"timeout", 0, "LIMIT", V, FREE,
     "End an attempt that takes longer: a duration, or a share of the median run time "
     "such as 500%"},
    {"on-error", 0, "WHAT", V, FREE,
     "What follows when a chunk has failed for good: stop, skip or isolate (stop)"},
    {"halt", 0, "WHEN", V, FREE,
     "Stop after so many chunks with dead letters: soon,fail=10 or now,fail=5%"},
    {"dead-letters", 0, "DIR", S, FREE,
     "Where what failed for good is put (FILE.dead-letters)"},
    {"resume", 0, NULL, V | S, FREE, "Go on where the journal of the output stands"},
    {"speculate", 0, NULL, V, FREE, "Give a copy of what takes long to another worker"},

    {.help = "Worker:"},
    {"jobs", 'j', "SLOTS", W, FREE, "Tasks at once (the processors there are)"},
    {.name = "max-procs", .letter = 'P', .check = ALIAS},
    {"mode", 0, "MODE", W, FREE,
     "exec: COMMAND once a chunk; lines: once a slot, answers each line with one; "
     "frames: once a slot, speaks FRAMES/1 (exec)"},
    {"silence", 0, "DURATION", W, FREE,
     "Mode lines: without output for so long a chunk has failed (60)"},
    {"prepare-each", 0, NULL, W, FREE, "Mode frames: each slot prepares by itself"},
    {"plugin", 0, "FILE.so", W, FREE, "Run this plugin; what follows -- is for it"},
    {"shell", 0, NULL, W, FREE,
     "The command, its words joined by blanks, is a command line for $SHELL"},
    {"workdir", 0, "DIR", W, FREE, "Run the program in this directory"},
    {.name = "wd", .check = ALIAS},
    {"nice", 0, "N", W, FREE, "Run the program at this niceness, from -20 to 19"},
    {"memory", 0, "SIZE", W, FREE,
     "A slot that uses more memory is ended, and its chunk has failed"},

    {.help = "Output:"},
    {"output", 'o', "FILE", S, FREE, "Write to FILE instead of standard output"},
    {"unordered", 0, NULL, S, FREE, "Write results as they come"},
    {.name = "no-keep-order", .check = ALIAS},
    {"header-out", 0, "LINES", V, FREE,
     "The first LINES of each result are a header, which the output has once"},
    {"tmpdir", 0, "DIR", S, FREE, "Where results wait that memory has no room for"},
    {"max-result", 0, "SIZE", S, FREE, "A larger result is a failure (1G)"},

    {.help = "Run:"},
    {"joblog", 0, "FILE", V, FREE,
     "Write a line for each chunk that ended, as GNU parallel does; +FILE: append"},
    {"progress", 0, NULL, V, FREE,
     "Show a line of progress (default on a terminal that the output does not go to)"},
    {.name = "bar", .check = ALIAS},
    {.name = "eta", .check = ALIAS},
    {"no-progress", 0, NULL, V, FREE, "Show no line of progress"},
    {"quiet", 0, NULL, ALL, FREE, "Say nothing but errors"},
    {"log-level", 0, "LEVEL", ALL, LEVEL, "error, warn, info, debug or trace (warn)"},
    {"liveness", 0, "DURATION", ALL, LIVENESS,
     "Silence after which a peer is lost (10)"},
    {"patience", 0, "DURATION", ALL, PATIENCE, "How long to wait for anybody (300)"},
    {"tasks", 0, "ENDPOINT", 0, FREE, "Let workers join here, as tcp://*:5557"},
    {"results", 0, "ENDPOINT", 0, FREE, "Where workers send results to"},
    {"advertise", 0, "ENDPOINT", S, FREE,
     "The endpoint by which workers reach --results"},
    {"insecure", 0, NULL, ALL, FREE, "Allow tcp, which anybody may use or read"},
    {"pipe", 0, NULL, 0, FREE, "Accepted: it is what fanfold does anyway"},
    {.name = "pipe-part", .check = ALIAS},
    {.name = "pipepart", .check = ALIAS},
    {.name = "spreadstdin", .check = ALIAS},
    {"keep-order", 'k', NULL, 0, FREE, "Accepted: the output is in order anyway"},
    {"group", 0, NULL, 0, FREE, "Accepted: results are not mixed anyway"},
    {"no-run-if-empty", 'r', NULL, 0, FREE, "Accepted: no input, no chunk anyway"},
};

enum { ROWS = sizeof rows / sizeof *rows };

static bool is(const struct option_row *row, const char *name)
{
    return strcmp(row->name, name) == 0;
}

static void check_value(const struct argp_state *state, const struct option_row *row,
                        const char *value)
{
    if (row->check == LIVENESS)
        options_liveness_us(state, value);
    else if (row->check == PATIENCE)
        options_patience_us(state, value);
    else if (row->check == LEVEL)
        options_log_level(state, value);
}

static void pass_on(struct arguments *arguments, const struct option_row *row,
                    const char *value)
{
    arguments->passed =
        reallocate(arguments->passed, arguments->count + 1, sizeof *arguments->passed);
    arguments->passed[arguments->count++] = (struct passed){row, value};
}

static void keep(struct arguments *arguments, const struct option_row *row,
                 const char *value)
{
    if (row->owners)
        pass_on(arguments, row, value);
    if (is(row, "tasks"))
        arguments->tasks = value;
    else if (is(row, "results"))
        arguments->results = value;
    else if (is(row, "insecure"))
        arguments->insecure = true;
    else if (is(row, "plugin"))
        arguments->plugin = true;
    else if (is(row, "quiet"))
        arguments->quiet = true;
    else if (is(row, "progress") || is(row, "no-progress"))
        arguments->progress = is(row, "progress") ? SAID_YES : SAID_NO;
}

static int row_key(size_t row)
{
    return rows[row].letter ? rows[row].letter : OPTION_KEY_FIRST + (int)row;
}

/* The row itself, or that of which it is an alias. */
static const struct option_row *meant_by(const struct option_row *row)
{
    while (row->check == ALIAS)
        row--;
    return row;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (!rows[i].name || key != row_key(i))
            continue;
        const struct option_row *row = meant_by(&rows[i]);
        check_value(state, row, value);
        keep(state->input, row, value);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static void fill_argp_options(struct argp_option *options)
{
    int group = 0;

    for (size_t i = 0; i < ROWS; i++) {
        const struct option_row *row = &rows[i];
        options[i] = (struct argp_option){
            .name = row->name,
            .key = row->name ? row_key(i) : 0,
            .arg = row->value,
            .doc = row->help,
            .group = row->name ? group : ++group,
            .flags = row->check == ALIAS ? OPTION_ALIAS : 0,
        };
    }
    options[ROWS] = (struct argp_option){0};
}

/* Each of three programs would refuse it, in words of its own. */
static bool endpoint_allowed(const struct arguments *arguments, const char *endpoint)
{
    char error[512];

    if (!endpoint ||
        endpoint_check(endpoint, arguments->insecure, error, sizeof error) == 0)
        return true;
    say("%s", error);
    return false;
}

/* The private directory is no place that a worker on another host reaches. */
static bool results_reachable(const struct arguments *arguments)
{
    if (!arguments->tasks || arguments->results ||
        strncmp(arguments->tasks, "tcp://", strlen("tcp://")) != 0)
        return true;
    say("--tasks %s needs --results too, such as tcp://*:5558: where those workers "
        "send results to",
        arguments->tasks);
    return false;
}

int arguments_parse(struct arguments *arguments, int argc, char **argv)
{
    struct argp_option options[ROWS + 1];
    const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "[--] COMMAND [ARGUMENT...]\n--plugin FILE.so [-- ARGUMENT...]",
        .doc = "Cut the input into chunks, run COMMAND on each, on all processors, and "
               "put the results back in order.\v"
               "The chunk is the command's standard input, its standard output is the "
               "result. fanfold(1) says more, and fanfold(7) how it works.",
    };
    int rest = argc;

    *arguments = (struct arguments){.passed = NULL};
    fill_argp_options(options);
    options_parse(&argp, argc, argv, &rest, arguments);
    arguments->command = argv + rest;
    if (!arguments->plugin && rest == argc) {
        say("no command: fanfold [OPTIONS] -- COMMAND");
        return STATUS_USAGE;
    }
    if (!endpoint_allowed(arguments, arguments->tasks) ||
        !endpoint_allowed(arguments, arguments->results) ||
        !results_reachable(arguments))
        return STATUS_USAGE;
    return STATUS_OK;
}

void arguments_deinit(struct arguments *arguments)
{
    free(arguments->passed);
    arguments->passed = NULL;
}

static const struct passed *find_last(const struct arguments *arguments,
                                      const char *name)
{
    for (size_t i = arguments->count; i-- > 0;)
        if (strcmp(arguments->passed[i].row->name, name) == 0)
            return &arguments->passed[i];
    return NULL;
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
    const struct passed *passed = find_last(arguments, name);

    return passed ? passed->value : NULL;
}

const char **arguments_inputs(const struct arguments *arguments)
{
    const char **inputs = allocate_zeroed(arguments->count + 1, sizeof *inputs);
    size_t count = 0;

    for (size_t i = 0; i < arguments->count; i++) {
        const struct passed *passed = &arguments->passed[i];
        if (is(passed->row, "input") || is(passed->row, "arg-file"))
            inputs[count++] = passed->value;
    }
    return inputs;
}

bool arguments_has(const struct arguments *arguments, const char *name)
{
    return find_last(arguments, name) != NULL;
}

static bool value_is(const struct arguments *arguments, const char *name,
                     const char *what)
{
    const char *value = arguments_value(arguments, name);

    return value && strcmp(value, what) == 0;
}

static bool on_error_is(const struct arguments *arguments, const char *what)
{
    return value_is(arguments, "on-error", what);
}

bool arguments_isolate(const struct arguments *arguments)
{
    return on_error_is(arguments, "isolate");
}

bool arguments_show_progress(const struct arguments *arguments)
{
    if (arguments->quiet || arguments->progress == SAID_NO || !isatty(STDERR_FILENO))
        return false;
    return arguments->progress == SAID_YES || arguments_value(arguments, "output") ||
           !isatty(STDOUT_FILENO);
}

/* A list of words that grows; each word is the list's own. */
struct words {
    char **items;
    size_t count;
};

static void add(struct words *words, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(struct words *words, const char *format, ...)
{
    va_list list;
    char *word;

    va_start(list, format);
    word = allocate_text_v(format, list);
    va_end(list);
    words->items = reallocate(words->items, words->count + 2, sizeof *words->items);
    words->items[words->count++] = word;
    words->items[words->count] = NULL;
}

static void add_passed(struct words *words, const struct passed *passed)
{
    const struct option_row *row = passed->row;

    if (passed->value)
        add(words, "--%s=%s", row->name, passed->value);
    else
        add(words, "--%s", row->name);
}

/* Everybody connects to the ventilator's endpoint, which itself binds it. */
static void add_endpoints(struct words *words, const struct arguments *arguments,
                          enum role role, const struct run_words *run)
{
    const char *tasks = arguments->tasks ? arguments->tasks : run->tasks;
    const char *results = arguments->results ? arguments->results : run->results;
    char *here = endpoint_from_here(tasks);

    add(words, "--tasks=%s", role == ROLE_VENTILATOR ? tasks : here);
    if (role == ROLE_SINK)
        add(words, "--results=%s", results);
    free(here);
}

/* A program that answers line by line does not see where chunks end: they may be as
 * long as suits the run. */
static bool wants_auto_block(const struct arguments *arguments)
{
    static const char *const sizes[] = {"block", "max-replace-args", "fixed",
                                        "whole-files"};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (arguments_has(arguments, sizes[i]))
            return false;
    return value_is(arguments, "mode", "lines") &&
           !value_is(arguments, "format", "whole");
}

static bool has_dead_letters(const struct arguments *arguments)
{
    return on_error_is(arguments, "skip") || on_error_is(arguments, "isolate");
}

char **arguments_for(const struct arguments *arguments, enum role role,
                     const struct run_words *run)
{
    struct words words = {NULL, 0};

    add(&words, "%s", role_programs[role]);
    add_endpoints(&words, arguments, role, run);
    add(&words, "--supervised");
    if (role == ROLE_SINK && !has_dead_letters(arguments))
        add(&words, "--no-dead-letters");
    if (role != ROLE_VENTILATOR && run->progress)
        add(&words, "--shared-line");
    for (size_t i = 0; i < arguments->count; i++)
        if (arguments->passed[i].row->owners & (1u << role))
            add_passed(&words, &arguments->passed[i]);
    if (role == ROLE_VENTILATOR && wants_auto_block(arguments))
        add(&words, "--block=auto");
    if (role == ROLE_VENTILATOR && run->progress && arguments->progress == SAID_NOTHING)
        add(&words, "--progress");
    if (role == ROLE_WORKER) {
        add(&words, "--alive-fd=%d", run->alive_fd);
        add(&words, "--");
        for (char **word = arguments->command; *word; word++)
            add(&words, "%s", *word);
    }
    return words.items;
}

void arguments_free_words(char ***words_p)
{
    if (!*words_p)
        return;
    for (char **word = *words_p; *word; word++)
        free(*word);
    free(*words_p);
    *words_p = NULL;
}

char *endpoint_from_here(const char *bound)
{
    static const char *const anywhere[] = {"tcp://*:", "tcp://0.0.0.0:", "tcp://[::]:"};

    for (size_t i = 0; i < sizeof anywhere / sizeof *anywhere; i++) {
        size_t length = strlen(anywhere[i]);
        if (strncmp(bound, anywhere[i], length) != 0)
            continue;
        return allocate_text("tcp://127.0.0.1:%s", bound + length);
    }
    return allocate_text("%s", bound);
}
