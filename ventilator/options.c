/* SPDX-License-Identifier: MIT */
/* The options of fanfold-ventilator, over argp. Checks each value by itself; the
 * program that opens a file checks its name. */
#include "ventilator/options.h"

#include "common/clock.h"
#include "common/memory.h"
#include "common/options/table.h"
#include "common/parse.h"
#include "common/protocol/payload_compression.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_MAX  (UINT64_C(4) << 30)
#define BUFFER_MAX (UINT64_C(1) << 50)

enum {
    LATENCY_LEAST_US = 1000,
};

static void read_block(const struct argp_state *state, const char *text,
                       struct chunker_config *chunker)
{
    chunker->block_auto = strcmp(text, "auto") == 0;
    chunker->block_bytes = chunker->block_auto
                               ? DEFAULT_BLOCK_BYTES
                               : options_size(state, "--block", text, BLOCK_MAX,
                                              "a size from 1 to 4G, or auto");
}

static error_t parse_chunks(int key, char *text, struct argp_state *state)
{
    struct ventilator_options *options = state->input;
    struct chunker_config *chunker = &options->chunker;
    switch (key) {
    case KEY_BLOCK:
        read_block(state, text, chunker);
        options->block_said = true;
        return 0;
    case KEY_STRIP_FRAME:
        options->strip_frame = true;
        return 0;
    case KEY_MAX_REPLACE_ARGS:
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

/* GNU parallel's words, its old short ones too; of its reasons, only failure. */
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
    case KEY_COMMITTED_FD:
        options->committed_fd = (int)options_number(state, "--committed-fd", text, 3,
                                                    1 << 20, "a descriptor from 3 on");
        if (fcntl(options->committed_fd, F_GETFD) < 0)
            options_bad(state, "--committed-fd", text,
                        "a descriptor that is open, as with 3>FILE");
        return 0;
    case KEY_FROM_COMMITTED:
        options->from_committed = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void add_input(const struct argp_state *state, const char *path,
                      struct ventilator_options *options)
{
    if (*path == '\0')
        options_bad(state, "-i", path, "the name of a file");
    message_options_add(state, path, &options->messages);
    for (uint32_t i = 0; strcmp(path, "-") == 0 && i < options->input_count; i++)
        if (strcmp(options->inputs[i], "-") == 0)
            options_bad(state, "-i", path, "standard input only once");
    options->inputs =
        reallocate(options->inputs, options->input_count + 1, sizeof *options->inputs);
    options->inputs[options->input_count++] = path;
}

static uint32_t read_header_lines(const struct argp_state *state, const char *option,
                                  const char *text)
{
    if (strcmp(text, ":") == 0)
        return 1;
    return (uint32_t)options_number(state, option, text, 0, UINT32_MAX,
                                    "a number of lines, or : for one");
}

static void read_block_timeout(const struct argp_state *state, const char *text,
                               struct ventilator_options *options)
{
    options->block_timeout_us = options_duration_us(
        state, "--block-timeout", text, 0, "a duration, such as 500ms or 2m; 0: none");
    options->block_timeout_said = true;
}

/* As --block-timeout, but 0 waits for nothing. */
static void read_linger(const struct argp_state *state, const char *text,
                        struct ventilator_options *options)
{
    int64_t us;
    if (!parse_duration(text, &us))
        options_bad(state, "--linger", text, "a duration, such as 5ms; 0: none");
    options->block_timeout_us = us ? us : 1;
    options->linger_said = true;
}

/* Half of it is for a record's way to the command and back. */
static void read_latency(const struct argp_state *state, const char *text,
                         struct ventilator_options *options)
{
    options->block_timeout_us =
        options_duration_us(state, "--latency", text, LATENCY_LEAST_US,
                            "a duration of at least 1ms, such as 10ms") /
        2;
    options->latency_said = true;
}

static error_t parse_input(int key, char *text, struct argp_state *state)
{
    struct ventilator_options *options = state->input;
    switch (key) {
    case KEY_INPUT:
    case KEY_ARG_FILE:
        add_input(state, text, options);
        return 0;
    case KEY_PUBLIC_TASKS:
        options->public_tasks = options_endpoint(state, "--tasks", text, TASKS_PORT);
        return 0;
    case KEY_READY_FILE:
        options->ready_file = text;
        return 0;
    case KEY_JOIN_KEY:
        options->join_key = text;
        return 0;
    case KEY_PLACES_FD:
        options->places_fd =
            (int)options_number(state, "--places-fd", text, 3, 1 << 20, "a socket");
        return 0;
    case KEY_JOIN_WORDS:
        options->join_words = text;
        return 0;
    case KEY_ENDPOINT_FILE:
        if (*text == '\0')
            options_bad(state, "--endpoint-file", text, "a file");
        options->endpoint_file = text;
        return 0;
    case KEY_WHOLE_FILES:
        options->whole_files = true;
        return 0;
    case KEY_NO_DECOMPRESS:
        options->no_decompress = true;
        return 0;
    case KEY_HEADER:
        options->header_lines = read_header_lines(state, "--header", text);
        return 0;
    case KEY_HEADER_OUT:
        options->header_out = read_header_lines(state, "--header-out", text);
        return 0;
    case KEY_BLOCK_TIMEOUT:
        read_block_timeout(state, text, options);
        return 0;
    case KEY_LINGER:
        read_linger(state, text, options);
        return 0;
    case KEY_LATENCY:
        read_latency(state, text, options);
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
    case KEY_COMPRESS_LINKS:
        options->compression = PAYLOAD_ZSTD;
        if (text && !payload_compression_parse(text, &options->compression))
            options_bad(state, "--compress-links", text, "zstd or lz4");
        return 0;
    case KEY_BY_VALUE:
        options->by_value = true;
        return 0;
    case KEY_BY_REFERENCE:
        options->by_reference = true;
        return 0;
    case KEY_ROOT:
        options->root = text;
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
    error_t result = parse_input(key, text, state);
    if (result == ARGP_ERR_UNKNOWN)
        result = parse_chunks(key, text, state);
    if (result == ARGP_ERR_UNKNOWN)
        result = record_options_parse(key, text, state, &options->records);
    if (result == ARGP_ERR_UNKNOWN)
        result = message_options_parse(key, text, state, options->common.supervised,
                                       &options->messages);
    if (result == ARGP_ERR_UNKNOWN)
        result = parse_failures(key, text, state);
    if (result == ARGP_ERR_UNKNOWN)
        result = parse_run(key, text, state);
    if (result == ARGP_ERR_UNKNOWN)
        result = options_parse_common(key, text, state, &options->common);
    return result;
}

static const struct argp_option option_table[] = {VENTILATOR_OPTIONS};

static const struct argp ventilator_argp = {
    .options = option_table,
    .parser = parse,
    .doc = "Cuts its input into chunks of whole records and hands them out to "
           "fanfold-worker.\v" OPTIONS_UNITS,
};

bool ventilator_options_parse(int argc, char **argv,
                              struct ventilator_options *ret_options)
{
    *ret_options = (struct ventilator_options){
        .common = COMMON_OPTIONS_DEFAULT,
        .chunker = {.block_bytes = DEFAULT_BLOCK_BYTES,
                    .format = RECORD_FORMAT_DEFAULT,
                    .max_record_bytes = DEFAULT_MAX_RECORD_BYTES},
        .places_fd = -1,
        .committed_fd = -1,
        .arguments = argv,
        .block_timeout_us = -1,
        .buffer_bytes = DEFAULT_BUFFER_BYTES,
        .retries = DEFAULT_RETRIES,
        .min_workers = DEFAULT_MIN_WORKERS,
    };
    int rest;
    options_parse(&ventilator_argp, argc, argv, &rest, ret_options);
    /* A launcher decides by itself: it knows where the output goes. */
    if (!ret_options->progress_said && !ret_options->common.supervised)
        ret_options->progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
    if (rest < argc) {
        say("'%s' is not an option; the input is standard input, or -i FILE",
            argv[rest]);
        return false;
    }
    return ventilator_options_settle(ret_options);
}

void ventilator_options_deinit(struct ventilator_options *options)
{
    message_options_deinit(&options->messages);
    free(options->inputs);
    options->inputs = NULL;
}
