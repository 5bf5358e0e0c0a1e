/* SPDX-License-Identifier: MIT */
/* The options of fanfold-ventilator, over argp. Checks each value by itself; what they
 * name is checked where it is opened. */
#include "ventilator/options.h"

#include "common/memory.h"
#include "common/message.h"
#include "common/parse.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_MAX  (UINT64_C(4) << 30)
#define BUFFER_MAX (UINT64_C(1) << 50)

enum {
    KEY_BLOCK = OPTION_KEY_FIRST,
    KEY_RECEND,
    KEY_MAX_RECORD,
    KEY_WINDOW,
    KEY_BUFFER,
    KEY_RETRIES,
    KEY_MIN_WORKERS,
    KEY_PROGRESS,
    KEY_NO_PROGRESS,
};

static const struct argp_option option_table[] = {
    {"input", 'i', "FILE", 0, "Read FILE, not standard input", 1},
    {"arg-file", 'a', "FILE", 0, "The same as --input", 1},
    {"block", KEY_BLOCK, "SIZE", 0,
     "Chunks of at most SIZE bytes of whole records (default 1M)", 2},
    {"max-replace-args", 'N', "RECORDS", 0, "Chunks of exactly RECORDS records", 2},
    {"max-lines", 'L', "LINES", 0, "A record has LINES lines (default 1)", 2},
    {"recend", KEY_RECEND, "STRING", 0,
     "What ends a record; knows \\n, \\t, \\0, \\xHH ... (default \\n)", 2},
    {"null", '0', NULL, 0, "A NUL byte ends a record", 2},
    {"max-record", KEY_MAX_RECORD, "SIZE", 0,
     "A record longer than SIZE is an error (default 256M)", 2},
    {"window", KEY_WINDOW, "TASKS", 0,
     "Chunks that may run ahead of the output (default 4096, or 4 a slot)", 3},
    {"buffer", KEY_BUFFER, "SIZE", 0,
     "Memory for chunks and results, shared with the sink (default 256M)", 3},
    {"retries", KEY_RETRIES, "N", 0,
     "Try a chunk N times before the run fails; 0: no limit (default 3)", 3},
    {"min-workers", KEY_MIN_WORKERS, "N", 0,
     "Wait for N workers before the first chunk (default 1)", 3},
    {"progress", KEY_PROGRESS, NULL, 0,
     "Show a line of progress (default where stderr is a terminal and stdout is none)",
     4},
    {"no-progress", KEY_NO_PROGRESS, NULL, 0, "Show no line of progress", 4},
    {0},
};

/* The bytes take the place of the word in argv, than which they are never longer. */
static void read_recend(const struct argp_state *state, char *text,
                        struct chunker_config *chunker)
{
    char *bytes = allocate(strlen(text) + 1);
    size_t size;
    if (!parse_escapes(text, bytes, &size) || size == 0)
        options_bad(state, "--recend", text, "at least one byte, with valid escapes");
    memcpy(text, bytes, size);
    free(bytes);
    chunker->recend = text;
    chunker->recend_size = size;
}

static error_t parse_chunks(int key, char *text, struct argp_state *state)
{
    struct chunker_config *chunker =
        &((struct ventilator_options *)state->input)->chunker;
    switch (key) {
    case KEY_BLOCK:
        chunker->block_bytes =
            options_size(state, "--block", text, BLOCK_MAX, "a size from 1 to 4G");
        return 0;
    case 'N':
        chunker->records =
            options_number(state, "-N", text, 1, UINT32_MAX, "a number from 1 on");
        return 0;
    case 'L':
        chunker->lines =
            options_number(state, "-L", text, 1, UINT32_MAX, "a number from 1 on");
        return 0;
    case KEY_RECEND:
        read_recend(state, text, chunker);
        return 0;
    case '0':
        chunker->recend = "";
        chunker->recend_size = 1;
        return 0;
    case KEY_MAX_RECORD:
        chunker->max_record_bytes =
            options_size(state, "--max-record", text, BLOCK_MAX, "a size from 1 to 4G");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_run(int key, char *text, struct argp_state *state)
{
    struct ventilator_options *options = state->input;
    switch (key) {
    case 'i':
    case 'a':
        options->input = strcmp(text, "-") == 0 ? NULL : text;
        return 0;
    case KEY_WINDOW:
        options->window = (uint32_t)options_number(
            state, "--window", text, 1, WINDOW_MAX, "a number from 1 to 131072");
        return 0;
    case KEY_BUFFER:
        options->buffer_bytes =
            options_size(state, "--buffer", text, BUFFER_MAX, "a size, such as 256M");
        return 0;
    case KEY_RETRIES:
        options->retries = (uint32_t)options_number(
            state, "--retries", text, 0, UINT32_MAX, "a number; 0: no limit");
        return 0;
    case KEY_MIN_WORKERS:
        options->min_workers = (uint32_t)options_number(
            state, "--min-workers", text, 1, UINT32_MAX, "a number from 1 on");
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
        return 0;
    }
    error_t result = parse_chunks(key, text, state);
    return result == ARGP_ERR_UNKNOWN ? parse_run(key, text, state) : result;
}

static const struct argp_child children[] = {{&common_argp, 0, NULL, 5}, {0}};

static const struct argp ventilator_argp = {
    .options = option_table,
    .parser = parse,
    .doc = "Cuts its input into chunks of whole records and hands them out to "
           "fanfold-worker.\v"
           "SIZE knows K M G T (powers of 1024) and k m g t (powers of 1000).",
    .children = children,
};

bool ventilator_options_parse(int argc, char **argv,
                              struct ventilator_options *ret_options)
{
    *ret_options = (struct ventilator_options){
        .common = COMMON_OPTIONS_DEFAULT,
        .chunker = {.block_bytes = 1 << 20,
                    .lines = 1,
                    .recend = "\n",
                    .recend_size = 1,
                    .max_record_bytes = 256 << 20},
        .buffer_bytes = 256 << 20,
        .retries = 3,
        .min_workers = 1,
    };
    int rest;
    options_parse(&ventilator_argp, argc, argv, &rest, ret_options);
    /* A launcher says what it wants; it knows where the output goes. */
    if (!ret_options->progress_said && !ret_options->common.supervised)
        ret_options->progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
    if (rest < argc) {
        say("'%s' is not an option; the input is standard input, or that of -i FILE",
            argv[rest]);
        return false;
    }
    return true;
}
