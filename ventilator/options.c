/* SPDX-License-Identifier: MIT */
/* The options of fanfold-ventilator, over argp. Checks each value by itself; what they
 * name is checked where it is opened. */
#include "ventilator/options.h"

#include "common/clock.h"
#include "common/memory.h"
#include "common/message.h"
#include "common/parse.h"
#include "ventilator/block_size.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_MAX     (UINT64_C(4) << 30)
#define BLOCK_DEFAULT (UINT64_C(1) << 20)
#define BUFFER_MAX    (UINT64_C(1) << 50)

enum {
    KEY_BLOCK = OPTION_KEY_FIRST,
    KEY_HEADER_OUT,
    KEY_MAX_RECORD,
    KEY_WINDOW,
    KEY_BUFFER,
    KEY_RETRIES,
    KEY_TIMEOUT,
    KEY_ON_ERROR,
    KEY_HALT,
    KEY_SPECULATE,
    KEY_RESUME,
    KEY_JOBLOG,
    KEY_MIN_WORKERS,
    KEY_PROGRESS,
    KEY_NO_PROGRESS,
    KEY_WHOLE_FILES,
    KEY_NO_DECOMPRESS,
    KEY_HEADER,
    KEY_BLOCK_TIMEOUT,
    KEY_DRY_RUN,
};

static const struct argp_option option_table[] = {
    {"input", 'i', "FILE", 0,
     "Read FILE, not standard input, which is -; several, one after the other", 1},
    {"arg-file", 'a', "FILE", 0, "The same as --input", 1},
    {"whole-files", KEY_WHOLE_FILES, NULL, 0, "Each input is one chunk, and one record",
     1},
    {"no-decompress", KEY_NO_DECOMPRESS, NULL, 0,
     "Take gzip, bzip2, xz, zstd and lz4 as they are", 1},
    {"header", KEY_HEADER, "N", 0,
     "The first N lines of each input go before every chunk; : is 1", 1},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "Only list the chunks", 1},
    {"block", KEY_BLOCK, "SIZE|auto", 0,
     "Chunks of at most SIZE bytes of whole records (default 1M); auto: as long as run "
     "for about half a second",
     2},
    {"block-timeout", KEY_BLOCK_TIMEOUT, "DURATION", 0,
     "Do not wait longer for a stream to fill a chunk; 0: for ever (default 1, with -N "
     "0)",
     2},
    {"max-replace-args", 'N', "RECORDS", 0, "Chunks of exactly RECORDS records", 2},
    {"header-out", KEY_HEADER_OUT, "N", 0,
     "The first N lines of each result are a header: the output has it once", 2},
    {"max-record", KEY_MAX_RECORD, "SIZE", 0,
     "A record longer than SIZE is an error (default 256M)", 2},
    {"window", KEY_WINDOW, "TASKS", 0,
     "Chunks that may run ahead of the output (default 4096, or 4 a slot)", 3},
    {"buffer", KEY_BUFFER, "SIZE", 0,
     "Memory for chunks and results, shared with the sink (default 256M)", 3},
    {"retries", KEY_RETRIES, "N", 0,
     "Try a chunk N times before it has failed; 0: no limit (default 3)", 4},
    {"timeout", KEY_TIMEOUT, "DURATION", 0,
     "End an attempt that takes longer, 2.5m or 150% of the median", 4},
    {"on-error", KEY_ON_ERROR, "WHAT", 0,
     "When a chunk has failed: stop (default), skip it, or isolate its bad records", 4},
    {"halt", KEY_HALT, "WHEN", 0,
     "Stop once so many were skipped or isolated: now,fail=N or soon,fail=N, N% too",
     4},
    {"speculate", KEY_SPECULATE, NULL, 0,
     "Give a copy of a chunk that runs long to another worker that is free", 4},
    {"resume", KEY_RESUME, NULL, 0, "Go on with an interrupted run", 4},
    {"joblog", KEY_JOBLOG, "FILE", 0,
     "Write a line for each chunk that ended to FILE, as GNU parallel does; +FILE: "
     "append",
     5},
    {"min-workers", KEY_MIN_WORKERS, "N", 0,
     "Wait for N workers before the first chunk (default 1)", 3},
    {"progress", KEY_PROGRESS, NULL, 0,
     "Show a line of progress (default where stderr is a terminal and stdout is none)",
     5},
    {"no-progress", KEY_NO_PROGRESS, NULL, 0, "Show no line of progress", 5},
    {0},
};

static void read_block(const struct argp_state *state, const char *text,
                       struct chunker_config *chunker)
{
    chunker->block_auto = strcmp(text, "auto") == 0;
    chunker->block_bytes = chunker->block_auto
                               ? BLOCK_DEFAULT
                               : options_size(state, "--block", text, BLOCK_MAX,
                                              "a size from 1 to 4G, or auto");
}

static error_t parse_chunks(int key, char *text, struct argp_state *state)
{
    struct chunker_config *chunker =
        &((struct ventilator_options *)state->input)->chunker;
    switch (key) {
    case KEY_BLOCK:
        read_block(state, text, chunker);
        return 0;
    case 'N':
        chunker->records =
            options_number(state, "-N", text, 1, UINT32_MAX, "a number from 1 on");
        return 0;
    case KEY_MAX_RECORD:
        chunker->max_record_bytes =
            options_size(state, "--max-record", text, BLOCK_MAX, "a size from 1 to 4G");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void read_timeout(const struct argp_state *state, const char *text,
                         struct ventilator_options *options)
{
    int64_t us;
    uint64_t percent;
    options->limit_ms = options->limit_percent = 0;
    if (parse_percent(text, 101, 1000000, &percent))
        options->limit_percent = (uint32_t)percent;
    else if (parse_duration(text, &us) && us > 0 && us / 1000 < UINT32_MAX)
        options->limit_ms = (uint32_t)((us + 999) / 1000);
    else
        options_bad(state, "--timeout", text,
                    "a duration, such as 30 or 2.5m, or more than 100% of the median "
                    "run time, such as 150%");
}

static void read_on_error(const struct argp_state *state, const char *text,
                          struct ventilator_options *options)
{
    static const char *const words[] = {
        [ON_ERROR_STOP] = "stop",
        [ON_ERROR_SKIP] = "skip",
        [ON_ERROR_ISOLATE] = "isolate",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            options->on_error = (enum on_error)i;
            return;
        }
    }
    options_bad(state, "--on-error", text, "stop, skip or isolate");
}

/* GNU parallel's words, its old short ones too; of its reasons, only that of failure.
 */
static bool parse_halt(const char *text, struct halt *ret_halt)
{
    static const char soon[] = "soon,fail=", now[] = "now,fail=";
    struct halt halt = {.when = HALT_SOON};
    const char *count = text;
    uint64_t percent;
    if (strcmp(text, "never") == 0 || strcmp(text, "0") == 0) {
        *ret_halt = (struct halt){.when = HALT_NEVER};
        return true;
    }
    if (strcmp(text, "1") == 0 || strcmp(text, "2") == 0) {
        *ret_halt = (struct halt){text[0] == '1' ? HALT_SOON : HALT_NOW, .tasks = 1};
        return true;
    }
    if (strncmp(text, soon, strlen(soon)) == 0) {
        count = text + strlen(soon);
    } else if (strncmp(text, now, strlen(now)) == 0) {
        count = text + strlen(now);
        halt.when = HALT_NOW;
    }
    if (parse_percent(count, 1, 100, &percent))
        halt.percent = (uint32_t)percent;
    else if (count == text || !parse_number(count, 1, UINT32_MAX, &halt.tasks))
        return false;
    *ret_halt = halt;
    return true;
}

static error_t parse_failures(int key, char *text, struct argp_state *state)
{
    struct ventilator_options *options = state->input;
    switch (key) {
    case KEY_RETRIES:
        options->retries = (uint32_t)options_number(
            state, "--retries", text, 0, UINT32_MAX, "a number; 0: no limit");
        return 0;
    case KEY_TIMEOUT:
        read_timeout(state, text, options);
        return 0;
    case KEY_ON_ERROR:
        read_on_error(state, text, options);
        return 0;
    case KEY_HALT:
        if (!parse_halt(text, &options->halt))
            options_bad(state, "--halt", text,
                        "never, now,fail=N or soon,fail=N, where N may be a "
                        "percentage, such as 5%");
        return 0;
    case KEY_SPECULATE:
        options->speculate = true;
        return 0;
    case KEY_RESUME:
        options->resume = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void add_input(const struct argp_state *state, const char *path,
                      struct ventilator_options *options)
{
    for (uint32_t i = 0; strcmp(path, "-") == 0 && i < options->input_count; i++)
        if (strcmp(options->inputs[i], "-") == 0)
            options_bad(state, "-i", path, "standard input only once");
    options->inputs =
        reallocate(options->inputs, options->input_count + 1, sizeof *options->inputs);
    options->inputs[options->input_count++] = path;
}

static void read_block_timeout(const struct argp_state *state, const char *text,
                               struct ventilator_options *options)
{
    if (!parse_duration(text, &options->block_timeout_us))
        options_bad(state, "--block-timeout", text,
                    "a duration, such as 0.5 or 2m; 0: none");
}

static error_t parse_input(int key, char *text, struct argp_state *state)
{
    struct ventilator_options *options = state->input;
    switch (key) {
    case 'i':
    case 'a':
        add_input(state, text, options);
        return 0;
    case KEY_WHOLE_FILES:
        options->whole_files = true;
        return 0;
    case KEY_NO_DECOMPRESS:
        options->as_it_is = true;
        return 0;
    case KEY_HEADER:
        options->header_lines =
            strcmp(text, ":") == 0
                ? 1
                : (uint32_t)options_number(state, "--header", text, 0, UINT32_MAX,
                                           "a number of lines, or : for one");
        return 0;
    case KEY_HEADER_OUT:
        options->header_out = (uint32_t)options_number(state, "--header-out", text, 0,
                                                       UINT32_MAX, "a number of lines");
        return 0;
    case KEY_BLOCK_TIMEOUT:
        read_block_timeout(state, text, options);
        return 0;
    case KEY_DRY_RUN:
        options->dry_run = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void read_job_log(const struct argp_state *state, const char *text,
                         struct ventilator_options *options)
{
    const char *path = text[0] == '+' ? text + 1 : text;
    if (path[0] == '\0' || strcmp(path, "-") == 0)
        options_bad(state, "--joblog", text,
                    "a file; standard output belongs to the results");
    options->job_log = text;
}

static error_t parse_run(int key, char *text, struct argp_state *state)
{
    struct ventilator_options *options = state->input;
    switch (key) {
    case KEY_WINDOW:
        options->window = (uint32_t)options_number(
            state, "--window", text, 1, WINDOW_MAX, "a number from 1 to 131072");
        return 0;
    case KEY_BUFFER:
        options->buffer_bytes =
            options_size(state, "--buffer", text, BUFFER_MAX, "a size, such as 256M");
        return 0;
    case KEY_MIN_WORKERS:
        options->min_workers = (uint32_t)options_number(
            state, "--min-workers", text, 1, UINT32_MAX, "a number from 1 on");
        return 0;
    case KEY_JOBLOG:
        read_job_log(state, text, options);
        return 0;
    case KEY_PROGRESS:
    case KEY_NO_PROGRESS:
        options->progress = key == KEY_PROGRESS;
        options->progress_said = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct ventilator_options *options = state->input;
    if (key == ARGP_KEY_INIT) {
        state->child_inputs[0] = &options->common;
        state->child_inputs[1] = &options->records;
        return 0;
    }
    error_t result = parse_input(key, text, state);
    if (result == ARGP_ERR_UNKNOWN)
        result = parse_chunks(key, text, state);
    if (result == ARGP_ERR_UNKNOWN)
        result = parse_failures(key, text, state);
    return result == ARGP_ERR_UNKNOWN ? parse_run(key, text, state) : result;
}

static const struct argp_child children[] = {
    {&common_argp, 0, NULL, 6}, {&record_argp, 0, NULL, 2}, {0}};

static const struct argp ventilator_argp = {
    .options = option_table,
    .parser = parse,
    .doc = "Cuts its input into chunks of whole records and hands them out to "
           "fanfold-worker.\v"
           "SIZE knows K M G T (powers of 1024) and k m g t (powers of 1000), DURATION "
           "s m h d.",
    .children = children,
};

static bool says_what_a_record_is(const struct record_options *options)
{
    return options->format || options->fixed || options->lines || options->null ||
           options->start || options->end || options->regexp;
}

/* Whether the options do not contradict each other. */
static bool agree(const struct ventilator_options *options)
{
    if (options->halt.when != HALT_NEVER && options->on_error == ON_ERROR_STOP)
        say("--halt needs --on-error skip or --on-error isolate: as it is, the first "
            "chunk that fails for good ends the run");
    else if (options->whole_files &&
             (options->chunker.records || says_what_a_record_is(&options->records)))
        say("--whole-files excludes -N and all that says what a record is: a file is "
            "one record");
    else if (options->dry_run && options->resume)
        say("--dry-run and --resume exclude each other: only the sink knows where the "
            "run stands");
    else
        return true;
    return false;
}

/* As settle_block. */
static bool settle_records(struct ventilator_options *options)
{
    if (!options->whole_files)
        return record_options_settle(&options->records, &options->chunker);
    options->chunker.format = (struct record_format){.kind = RECORDS_WHOLE};
    return true;
}

/* False: it was told why not. */
static bool settle_block(struct ventilator_options *options)
{
    struct chunker_config *chunker = &options->chunker;
    options->block_most = chunker->block_bytes;
    if (!chunker->block_auto)
        return true;
    bool whole = chunker->format.kind == RECORDS_WHOLE;
    if (chunker->records || whole) {
        say("--block auto contradicts %s, which says what a chunk is",
            whole ? "a format of whole inputs" : "-N");
        return false;
    }
    options->block_most = BLOCK_SIZE_LONGEST;
    if (options->block_most > chunker->max_record_bytes)
        options->block_most = chunker->max_record_bytes;
    if (chunker->block_bytes > options->block_most)
        chunker->block_bytes = options->block_most;
    return true;
}

bool ventilator_options_parse(int argc, char **argv,
                              struct ventilator_options *ret_options)
{
    *ret_options = (struct ventilator_options){
        .common = COMMON_OPTIONS_DEFAULT,
        .chunker = {.block_bytes = BLOCK_DEFAULT,
                    .format = RECORD_FORMAT_DEFAULT,
                    .max_record_bytes = 256 << 20},
        .block_timeout_us = -1,
        .buffer_bytes = 256 << 20,
        .retries = 3,
        .min_workers = 1,
    };
    int rest;
    options_parse(&ventilator_argp, argc, argv, &rest, ret_options);
    /* A launcher says what it wants; it knows where the output goes. */
    if (!ret_options->progress_said && !ret_options->common.supervised)
        ret_options->progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
    /* Who asks for exactly N records does not want fewer because of the time. */
    if (ret_options->block_timeout_us < 0)
        ret_options->block_timeout_us = ret_options->chunker.records ? 0 : SECOND_US;
    if (rest < argc) {
        say("'%s' is not an option; the input is standard input, or that of -i FILE",
            argv[rest]);
        return false;
    }
    if (!agree(ret_options))
        return false;
    return settle_records(ret_options) && settle_block(ret_options);
}

void ventilator_options_deinit(struct ventilator_options *options)
{
    free(options->inputs);
    options->inputs = NULL;
}
