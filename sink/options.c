/* SPDX-License-Identifier: MIT */
/* Words to values; every wrong one is named with what is expected. */
#include "sink/options.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum {
    KEY_UNORDERED = OPTION_KEY_FIRST,
    KEY_TMPDIR,
    KEY_ADVERTISE,
    KEY_MAX_RESULT,
    KEY_RESUME,
    KEY_LETTERS,
    KEY_NO_LETTERS,
};

static const uint64_t max_result_default_bytes = UINT64_C(1) << 30;
static const uint64_t max_result_most_bytes = UINT64_C(1) << 40;

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0,
     "Write to FILE instead of standard output; it is locked for the run", 0},
    {"unordered", KEY_UNORDERED, NULL, 0,
     "Write results as they come, not in the order of the input", 0},
    {"resume", KEY_RESUME, NULL, 0,
     "Go on with a run that was ended, where the journal of -o FILE, FILE.fanfold, "
     "stands",
     0},
    {"dead-letters", KEY_LETTERS, "DIR", 0,
     "Where the input goes that no worker can work on (default: FILE.dead-letters, or "
     "fanfold.dead-letters for standard output)",
     0},
    {"no-dead-letters", KEY_NO_LETTERS, NULL, OPTION_HIDDEN, NULL, 0},
    {"tmpdir", KEY_TMPDIR, "DIR", 0,
     "Where results that wait go when memory is short (default: the directory of the "
     "output file, else /var/tmp)",
     0},
    {"max-result", KEY_MAX_RESULT, "SIZE", 0,
     "The largest result of a chunk that is taken (default 1G)", 0},
    {"advertise", KEY_ADVERTISE, "NAME", 0,
     "The host, HOST:PORT or endpoint at which workers reach --results (default: as "
     "it is bound)",
     0},
    {0},
};

static bool is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* To be found before it is opened, as a FIFO waits for its reader then. */
static bool is_special(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) &&
           !S_ISDIR(status.st_mode);
}

/* Where there can be no journal, there is nothing to go on with. */
static void check_resume(struct argp_state *state, const struct sink_options *sink)
{
    if (!sink->resume)
        return;
    if (sink->output == NULL)
        argp_error(state, "--resume: expected -o FILE: standard output has no journal");
    if (is_special(sink->output))
        argp_error(state, "--resume: expected a regular file: %s has no journal",
                   sink->output);
    if (sink->unordered)
        argp_error(state, "--resume: expected no --unordered, which has no journal");
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct sink_options *sink = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &sink->common;
        return 0;
    case 'o':
        if (*value == '\0')
            options_bad(state, "--output", value, "a file, or - for standard output");
        sink->output = strcmp(value, "-") == 0 ? NULL : value;
        return 0;
    case KEY_UNORDERED:
        sink->unordered = true;
        return 0;
    case KEY_RESUME:
        sink->resume = true;
        return 0;
    case KEY_LETTERS:
        if (*value == '\0' || strlen(value) > 4000)
            options_bad(state, "--dead-letters", value, "a directory");
        sink->letters = value;
        return 0;
    case KEY_NO_LETTERS:
        sink->no_letters = true;
        return 0;
    case KEY_TMPDIR:
        if (!is_directory(value))
            options_bad(state, "--tmpdir", value, "a directory");
        sink->tmpdir = value;
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
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s': expected no further words", value);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void sink_options_parse(int argc, char **argv, struct sink_options *ret_options)
{
    static const struct argp_child children[] = {{&common_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        options,  parse_option, "",   "Puts results back in sequence and writes them.",
        children, NULL,         NULL,
    };
    int rest = argc;

    *ret_options = (struct sink_options){.common = COMMON_OPTIONS_DEFAULT,
                                         .max_result_bytes = max_result_default_bytes};
    options_parse(&argp, argc, argv, &rest, ret_options);
}
