/* SPDX-License-Identifier: MIT */
/* Turns words into values; names each wrong one with what is expected. */
#include "sink/options.h"

#include "common/options/table.h"
#include "common/records/record_format_text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const uint64_t hwm_most = 100000000;
static const uint64_t max_result_most_bytes = UINT64_C(1) << 40;

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Found before it is opened, since opening a FIFO waits for its reader. */
static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) &&
           !S_ISDIR(status.st_mode);
}

static void read_output(struct argp_state *state, const char *value,
                        struct sink_options *sink)
{
    char error[512];
    if (*value == '\0')
        options_bad(state, "--output", value, "a file, or - for standard output");
    sink->output = strcmp(value, "-") == 0 ? NULL : value;
    int kind =
        message_end_parse(value, MESSAGES_OUT, &sink->messages, error, sizeof error);
    if (kind < 0)
        argp_error(state, "--output: %s", error);
    sink->to_messages = kind > 0;
}

/* Without a journal there is nothing to resume. */
static void check_resume(struct argp_state *state, const struct sink_options *sink)
{
    if (!sink->resume)
        return;
    if (!sink->output)
        argp_error(state, "--resume: expected -o FILE: standard output has no journal");
    if (sink->to_messages)
        argp_error(state, "--resume: expected -o FILE: messages that have left cannot "
                          "be taken back");
    if (is_special(sink->output))
        argp_error(state, "--resume: expected a regular file: %s has no journal",
                   sink->output);
    if (sink->unordered)
        argp_error(state, "--resume: expected no --unordered, which has no journal");
}

/* A word of --format. */
static bool parse_records(const char *word, struct record_format *ret_format)
{
    static const struct record_format lines = RECORD_FORMAT_DEFAULT;
    static const struct record_format nul = {
        .kind = RECORDS_LINES, .lines = 1, .end_size = 1};
    if (strcmp(word, "lines") == 0 || strcmp(word, "nul") == 0) {
        *ret_format = *word == 'l' ? lines : nul;
        return true;
    }
    return *word && !strchr(word, '=') &&
           record_format_parse((struct slice){(const uint8_t *)word, strlen(word)},
                               ret_format);
}

static void read_framing(struct argp_state *state, const char *value,
                         struct sink_options *sink)
{
    if (!framing_parse(value, &sink->framing))
        options_bad(state, "--frames-out", value, "result, record or tagged");
}

static void read_records(struct argp_state *state, const char *value,
                         struct sink_options *sink)
{
    if (!parse_records(value, &sink->records))
        options_bad(state, "--records-out", value,
                    "lines, nul, csv, fasta, fastq, frames or whole");
    sink->records_said = true;
}

static void check_framing(struct argp_state *state, const struct sink_options *sink)
{
    if (sink->framing != FRAMING_NONE && sink->max_result_bytes > FRAME_BODY_MAX)
        argp_error(state, "--frames-out: expected a --max-result of less than 4G: the "
                          "length of a frame has four bytes");
    if (sink->records_said && sink->framing != FRAMING_RECORD && !sink->to_messages)
        argp_error(state,
                   "--records-out: expected --frames-out=record beside it, or -o "
                   "with a socket such as push:tcp://host:5558");
}

/* A link would get the name of a part, and not the file. */
static void check_rotation(struct argp_state *state, const struct sink_options *sink)
{
    struct stat status;
    if (!rotation_is_wanted(&sink->rotation))
        return;
    if (!sink->output || sink->to_messages || is_special(sink->output))
        argp_error(state, "--rotate: expected -o FILE, a regular file");
    if (lstat(sink->output, &status) == 0 && S_ISLNK(status.st_mode))
        argp_error(state, "--rotate: expected a regular file, and %s is a link",
                   sink->output);
    if (sink->unordered)
        argp_error(state, "--rotate: expected no --unordered, which has no journal");
}

static void check_messages(struct argp_state *state, const struct sink_options *sink)
{
    static const char expected[] = "expected -o with a socket such as "
                                   "push:tcp://host:5558";
    if (sink->to_messages && sink->framing != FRAMING_NONE)
        argp_error(state, "--frames-out: expected an output of bytes: a message needs "
                          "no length");
    if (!sink->to_messages && sink->envelope)
        argp_error(state, "--envelope: %s", expected);
    if (!sink->to_messages && sink->keys_out)
        argp_error(state, "--keys-out: %s", expected);
}

static error_t parse_shared(int key, char *value, const struct argp_state *state,
                            struct sink_options *sink)
{
    if (key != KEY_COMMITTED)
        return options_parse_common(key, value, state, &sink->common);
    sink->committed = true;
    return 0;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct sink_options *sink = state->input;
    switch (key) {
    case KEY_OUTPUT:
        read_output(state, value, sink);
        return 0;
    case KEY_UNORDERED:
        sink->unordered = true;
        return 0;
    case KEY_RESUME:
        sink->resume = true;
        return 0;
    case KEY_ROTATE:
        if (!rotation_parse(value, &sink->rotation))
            options_bad(
                state, "--rotate", value,
                "a size such as 64M, or a duration such as 1h or 300s (5m could "
                "be either)");
        return 0;
    case KEY_ENVELOPE:
        sink->envelope = true;
        return 0;
    case KEY_KEYS_OUT:
        sink->keys_out = value;
        return 0;
    case KEY_HWM:
        sink->hwm = (uint32_t)options_number(state, "--hwm", value, 1, hwm_most,
                                             "a number of messages from 1 on");
        return 0;
    case KEY_FRAMES_OUT:
        read_framing(state, value, sink);
        return 0;
    case KEY_RECORDS_OUT:
        read_records(state, value, sink);
        return 0;
    case KEY_DEAD_LETTERS:
        if (*value == '\0' || strlen(value) > 4000)
            options_bad(state, "--dead-letters", value, "a directory");
        sink->dead_letters = value;
        return 0;
    case KEY_NO_DEAD_LETTERS:
        sink->no_dead_letters = true;
        return 0;
    case KEY_RERUN:
        sink->rerun = value;
        return 0;
    case KEY_COMMAND_HASH:
        sink->command_hash = strtoull(value, NULL, 16);
        return 0;
    case KEY_TMPDIR:
        if (!is_directory(value))
            options_bad(state, "--tmpdir", value, "a directory");
        sink->tmpdir = value;
        return 0;
    case KEY_PUBLIC_RESULTS:
        sink->public_results =
            options_endpoint(state, "--results", value, RESULTS_PORT);
        return 0;
    case KEY_ADVERTISE:
        if (*value == '\0' || strlen(value) > 200)
            options_bad(state, "--advertise", value, "a host, HOST:PORT or endpoint");
        sink->advertise = value;
        return 0;
    case KEY_MAX_RESULT:
        sink->max_result_bytes = options_size(state, "--max-result", value,
                                              max_result_most_bytes,
                                              "a size from 1 to 1T, such as 64M");
        return 0;
    case ARGP_KEY_END:
        check_resume(state, sink);
        check_framing(state, sink);
        check_messages(state, sink);
        check_rotation(state, sink);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': expected no further words", value);
        return EINVAL;
    default:
        return parse_shared(key, value, state, sink);
    }
}

void sink_options_parse(int argc, char **argv, struct sink_options *ret_options)
{
    static const struct argp_option options[] = {SINK_OPTIONS};
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "",
        .doc = "Puts results back in sequence and writes them.\v" OPTIONS_UNITS,
    };
    int rest = argc;
    *ret_options = (struct sink_options){.common = COMMON_OPTIONS_DEFAULT,
                                         .hwm = DEFAULT_HWM,
                                         .max_result_bytes = DEFAULT_MAX_RESULT_BYTES};
    options_parse(&argp, argc, argv, &rest, ret_options);
}
