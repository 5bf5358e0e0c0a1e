/* SPDX-License-Identifier: MIT */
/* Turns words into values; names each wrong one with what is expected. */
#include "sink/options.h"

#include "common/options/table.h"
#include "sink/output_options.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const uint64_t max_result_most_bytes = UINT64_C(1) << 40;

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Without a journal there is nothing to resume. */
static void check_resume(struct argp_state *state, const struct sink_options *sink)
{
    if (!sink->resume)
        return;
    if (!sink->output)
        argp_error(state, "--resume: expected -o FILE: standard output has no journal");
    if (sink->out.to_messages)
        argp_error(state, "--resume: expected -o FILE: messages that have left cannot "
                          "be taken back");
    if (output_options_is_special(sink->output))
        argp_error(state, "--resume: expected a regular file: %s has no journal",
                   sink->output);
    if (sink->unordered)
        argp_error(state, "--resume: expected no --unordered, which has no journal");
}

static void check_output(struct argp_state *state, const struct sink_options *sink)
{
    const struct output_facts facts = {
        .path = sink->output,
        .unordered = sink->unordered,
        .supervised = sink->common.supervised,
        .max_result_bytes = sink->max_result_bytes,
    };
    output_options_check(state, &sink->out, &facts);
}

static error_t parse_shared(int key, char *value, const struct argp_state *state,
                            struct sink_options *sink)
{
    if (key != KEY_COMMITTED && key != KEY_FROM_MESSAGES)
        return options_parse_common(key, value, state, &sink->common);
    sink->committed |= key == KEY_COMMITTED;
    sink->from_messages |= key == KEY_FROM_MESSAGES;
    return 0;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct sink_options *sink = state->input;
    if (output_options_parse(key, value, state, &sink->out) == 0)
        return 0;
    switch (key) {
    case KEY_OUTPUT:
        sink->output = strcmp(value, "-") == 0 ? NULL : value;
        return 0;
    case KEY_UNORDERED:
        sink->unordered = true;
        return 0;
    case KEY_RESUME:
        sink->resume = true;
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
        output_options_settle_spool(state, &sink->out, sink->unordered, &sink->output);
        check_resume(state, sink);
        check_output(state, sink);
        options_check_range(state, &sink->common);
        options_check_interface(state, &sink->common);
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
                                         .arguments = argv,
                                         .max_result_bytes = DEFAULT_MAX_RESULT_BYTES};
    options_parse(&argp, argc, argv, &rest, ret_options);
}

void sink_options_deinit(struct sink_options *options)
{
    free(options->out.records_path);
    *options = (struct sink_options){.output = NULL};
}
