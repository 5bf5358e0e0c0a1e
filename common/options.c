/* SPDX-License-Identifier: MIT */
/*
 * The shared options and the way all are parsed. argp prints help and version and exits
 * by itself; beside main, this is the one file that ends the process.
 */
#include "common/options.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_TASKS = 0x300,
    KEY_RESULTS,
    KEY_NAME,
    KEY_INSECURE,
    KEY_LIVENESS,
    KEY_PATIENCE,
    KEY_QUIET,
    KEY_SUPERVISED,
    KEY_SHARED_LINE,
    KEY_LOG_LEVEL
};

#define LIVENESS_MIN_US (SECOND_US / 10)

static const struct argp_option common_argp_options[] = {
    {.name = "tasks",
     .key = KEY_TASKS,
     .arg = "ENDPOINT",
     .doc = "Where the ventilator is: ipc://PATH or tcp://HOST:PORT"},
    {.name = "results",
     .key = KEY_RESULTS,
     .arg = "ENDPOINT",
     .doc = "Where the sink takes results"},
    {.name = "name",
     .key = KEY_NAME,
     .arg = "NAME",
     .doc = "Keep this run apart from others on this host"},
    {.name = "insecure",
     .key = KEY_INSECURE,
     .doc = "Allow tcp:// without keys: anyone who reaches the port may take part"},
    {.name = "liveness",
     .key = KEY_LIVENESS,
     .arg = "DURATION",
     .doc = "Take a peer for dead after this much silence (10s)"},
    {.name = "patience",
     .key = KEY_PATIENCE,
     .arg = "DURATION",
     .doc = "Wait this long for anybody (no limit; 5m once there was somebody)"},
    {.name = "quiet",
     .key = KEY_QUIET,
     .doc = "No progress, no summary: only what goes wrong"},
    {.name = "supervised", .key = KEY_SUPERVISED, .flags = OPTION_HIDDEN},
    {.name = "shared-line", .key = KEY_SHARED_LINE, .flags = OPTION_HIDDEN},
    {.name = "log-level",
     .key = KEY_LOG_LEVEL,
     .arg = "LEVEL",
     .doc = "error, warn, info, debug or trace (warn)"},
    {0},
};

uint64_t options_number(const struct argp_state *state, const char *option,
                        const char *value, uint64_t min, uint64_t max,
                        const char *expected)
{
    uint64_t number;
    if (!parse_number(value, min, max, &number))
        options_bad(state, option, value, expected);
    return number;
}

uint64_t options_size(const struct argp_state *state, const char *option,
                      const char *value, uint64_t max, const char *expected)
{
    uint64_t bytes;
    if (!parse_size(value, &bytes) || bytes == 0 || bytes > max)
        options_bad(state, option, value, expected);
    return bytes;
}

int64_t options_liveness_us(const struct argp_state *state, const char *value)
{
    int64_t us;
    if (!parse_duration(value, &us) || us < LIVENESS_MIN_US)
        options_bad(state, "--liveness", value,
                    "a duration of at least 0.1 s, such as 10, 0.5 or 2m");
    return us;
}

int64_t options_patience_us(const struct argp_state *state, const char *value)
{
    int64_t us;
    if (!parse_duration(value, &us) || us == 0)
        options_bad(state, "--patience", value,
                    "a duration above 0, such as 30, 0.5 or 2m");
    return us;
}

enum log_level options_log_level(const struct argp_state *state, const char *value)
{
    enum log_level level;
    if (!log_level_parse(value, &level))
        options_bad(state, "--log-level", value, "error, warn, info, debug or trace");
    return level;
}

static error_t parse_common(int key, char *value, struct argp_state *state)
{
    struct common_options *options = state->input;
    switch (key) {
    case KEY_TASKS:
        options->tasks = value;
        return 0;
    case KEY_RESULTS:
        options->results = value;
        return 0;
    case KEY_NAME:
        options->name = value;
        return 0;
    case KEY_INSECURE:
        options->insecure = true;
        return 0;
    case KEY_QUIET:
        options->quiet = true;
        return 0;
    case KEY_SUPERVISED:
        options->supervised = true;
        return 0;
    case KEY_SHARED_LINE: /* another program draws its progress on our stderr */
        log_share_line(true);
        return 0;
    case KEY_LIVENESS:
        options->liveness_us = options_liveness_us(state, value);
        return 0;
    case KEY_PATIENCE:
        options->patience_us = options_patience_us(state, value);
        return 0;
    case KEY_LOG_LEVEL:
        options->log_level = options_log_level(state, value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp common_argp = {.options = common_argp_options,
                                 .parser = parse_common};

static void print_version(FILE *stream, struct argp_state *state)
{
    fprintf(stream, "%s %s\n", state->name, FANFOLD_VERSION);
}

void options_parse(const struct argp *argp, int argc, char **argv, int *ret_rest,
                   void *input)
{
    argp_err_exit_status = STATUS_USAGE;
    argp_program_version_hook = print_version;
    if (argc > 0) /* getopt's messages begin with it, and a path says nothing */
        argv[0] = program_invocation_short_name;
    error_t failure = argp_parse(argp, argc, argv, ARGP_IN_ORDER, ret_rest, input);
    if (failure != 0) {
        fprintf(stderr, "%s: cannot parse the options: %s\n",
                program_invocation_short_name, strerror(failure));
        exit(STATUS_USAGE);
    }
}

void options_bad(const struct argp_state *state, const char *option, const char *value,
                 const char *expected)
{
    fprintf(stderr, "%s: %s: '%s': expected %s\n", state->name, option, value,
            expected);
    exit(STATUS_USAGE);
}
