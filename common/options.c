/* SPDX-License-Identifier: MIT */
/*
 * argp prints help and version and exits itself; besides main, this is the only file
 * that ends the process.
 */
#include "common/options.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/options/table.h"
#include "common/parse.h"
#include "common/timing.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* People read these two defaults in the table of options. */
static_assert(DEFAULT_LIVENESS_US == LIVENESS_S * SECOND_US, "see common/timing.h");
static_assert(DEFAULT_PATIENCE_US == PATIENCE_S * SECOND_US, "see common/timing.h");

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

int64_t options_duration_us(const struct argp_state *state, const char *option,
                            const char *value, int64_t min_us, const char *expected)
{
    int64_t us;
    if (!parse_duration(value, &us) || us < min_us)
        options_bad(state, option, value, expected);
    return us;
}

int64_t options_liveness_us(const struct argp_state *state, const char *value)
{
    return options_duration_us(state, "--liveness", value, LIVENESS_MIN_MS * 1000,
                               "a duration of at least 100ms, such as 10, 0.5 or 2m");
}

int64_t options_patience_us(const struct argp_state *state, const char *value)
{
    return options_duration_us(state, "--patience", value, 1,
                               "a duration above 0, such as 30, 500ms or 2m");
}

int64_t options_drain_before_us(const struct argp_state *state, const char *value)
{
    return options_duration_us(state, "--drain-before", value, 1,
                               "a duration above 0, such as 90, 5m or 1h");
}

bool options_wait_us(const struct argp_state *state, const char *value, int64_t *ret_us)
{
    static const char wait[] = "wait=";
    if (strncmp(value, wait, strlen(wait)) != 0)
        return false;
    *ret_us =
        options_duration_us(state, "--on-lost", value + strlen(wait), 1,
                            "wait=DURATION, of a duration above 0, such as wait=10m");
    return true;
}

enum log_level options_log_level(const struct argp_state *state, const char *value)
{
    enum log_level level;
    if (!log_level_parse(value, &level))
        options_bad(state, "--log-level", value, "error, warn, info, debug or trace");
    return level;
}

const char *options_endpoint(const struct argp_state *state, const char *option,
                             const char *value, unsigned port)
{
    enum { ENDPOINTS = 4 };
    static char texts[ENDPOINTS][512];
    static unsigned next;
    char *text = texts[next++ % ENDPOINTS];
    if (!ports_complete(value, port, NULL, text, sizeof *texts))
        options_bad(state, option, value, "a shorter endpoint");
    return text;
}

struct port_range options_ports(const struct argp_state *state, const char *value)
{
    struct port_range ports;
    if (!ports_parse(value, &ports))
        options_bad(state, "--port-range", value, "ports such as 20000-20100");
    return ports;
}

const char *options_interface(const struct argp_state *state, const char *value)
{
    if (*value == '\0' || strpbrk(value, ":/") || strlen(value) > 64)
        options_bad(state, "--interface", value,
                    "the name of an interface, such as eth0");
    return value;
}

void options_check_range(const struct argp_state *state,
                         const struct common_options *options)
{
    bool chosen = (options->tasks && ports_is_chosen(options->tasks, NULL)) ||
                  (options->results && ports_is_chosen(options->results, NULL));
    if (options->range && !options->supervised && !chosen)
        options_bad(state, "--port-range", options->range,
                    "it beside an endpoint whose port is *, such as tcp://*:*");
}

static bool is_bound_anywhere(const char *endpoint)
{
    static const char any[] = "tcp://*";
    return endpoint && strncmp(endpoint, any, strlen(any)) == 0;
}

void options_check_interface(const struct argp_state *state,
                             const struct common_options *options)
{
    if (options->interface && !options->supervised &&
        !is_bound_anywhere(options->tasks) && !is_bound_anywhere(options->results))
        options_bad(state, "--interface", options->interface,
                    "it beside an endpoint whose host is *, such as tcp://*:*");
}

const char *options_find_idle(const struct option_use *uses, size_t count)
{
    static char sentence[256];
    for (size_t i = 0; i < count; i++) {
        if (!uses[i].given || uses[i].serves)
            continue;
        snprintf(sentence, sizeof sentence, "%s is for %s", uses[i].option,
                 uses[i].use);
        return sentence;
    }
    return NULL;
}

error_t options_parse_common(int key, char *value, const struct argp_state *state,
                             struct common_options *options)
{
    switch (key) {
    case ARGP_KEY_END:
        options_check_range(state, options);
        options_check_interface(state, options);
        return ARGP_ERR_UNKNOWN;
    case KEY_TASKS:
        options->tasks = options_endpoint(state, "--tasks", value, TASKS_PORT);
        return 0;
    case KEY_RESULTS:
        options->results = options_endpoint(state, "--results", value, RESULTS_PORT);
        return 0;
    case KEY_PORT_RANGE:
        options->ports = options_ports(state, value);
        options->range = value;
        return 0;
    case KEY_INTERFACE:
        options->interface = options_interface(state, value);
        return 0;
    case KEY_NAME:
        options->name = value;
        return 0;
    case KEY_KEYS:
        if (*value == '\0')
            options_bad(state, "--keys", value, "a directory that fanfold-keygen made");
        options->keys = value;
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

static void print_version(FILE *stream, struct argp_state *state)
{
    fprintf(stream, "%s %s\n", state->name, FANFOLD_VERSION);
}

void options_parse(const struct argp *argp, int argc, char **argv, int *ret_rest,
                   void *input)
{
    argp_err_exit_status = STATUS_USAGE;
    argp_program_version_hook = print_version;
    if (argc > 0) /* getopt's messages begin with it: the name alone, no path */
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
