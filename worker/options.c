/* SPDX-License-Identifier: MIT */
/* The command line of fanfold-worker. */
#include "worker/options.h"

#include "common/message.h"
#include "common/parse.h"
#include "worker/placeholders.h"
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    KEY_PLUGIN = OPTION_KEY_FIRST,
    KEY_SHELL,
    KEY_WORKDIR,
    KEY_NICE,
    KEY_MEMORY,
    KEY_STAY,
    KEY_ALIVE_FD
};

static const struct argp_option options_table[] = {
    {.name = "jobs",
     .key = 'j',
     .arg = "N",
     .doc = "Run N tasks at a time (as many as there are processors)"},
    {.name = "plugin",
     .key = KEY_PLUGIN,
     .arg = "FILE.so",
     .doc = "Run a plugin (fanfold.h) in place of a command; its arguments follow"},
    {.name = "shell",
     .key = KEY_SHELL,
     .doc = "The command, its words joined by blanks, is a command line for $SHELL"},
    {.name = "workdir",
     .key = KEY_WORKDIR,
     .arg = "DIR",
     .doc = "Run the program in this directory"},
    {.name = "nice",
     .key = KEY_NICE,
     .arg = "N",
     .doc = "Run the program at this niceness, from -20 to 19"},
    {.name = "memory",
     .key = KEY_MEMORY,
     .arg = "SIZE",
     .doc = "A slot that uses more memory is ended, and its chunk has failed"},
    {.name = "stay", .key = KEY_STAY, .doc = "Serve the next run as well"},
    {.name = "alive-fd", .key = KEY_ALIVE_FD, .arg = "FD", .flags = OPTION_HIDDEN},
    {0},
};

/* The processors that this process may use. */
static uint32_t processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0
                    ? CPU_COUNT(&set)
                    : (int)sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (uint32_t)count : 1;
}

static int parse_niceness(const struct argp_state *state, const char *value)
{
    bool negative = value[0] == '-';
    uint64_t number;
    if (!parse_number(value + negative, 0, negative ? 20 : 19, &number))
        options_bad(state, "--nice", value, "a niceness, from -20 to 19");
    return negative ? -(int)number : (int)number;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct worker_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->common;
        return 0;
    case 'j':
        options->slots =
            (uint32_t)options_number(state, "-j", value, 1, SLOTS_MAX,
                                     "a plain number of slots, from 1 to 65535");
        return 0;
    case KEY_PLUGIN:
        options->mode = PROGRAM_PLUGIN;
        options->plugin = value;
        return 0;
    case KEY_SHELL:
        options->shell = true;
        return 0;
    case KEY_WORKDIR:
        options->workdir = value;
        return 0;
    case KEY_NICE:
        options->niceness = parse_niceness(state, value);
        return 0;
    case KEY_MEMORY:
        options->memory_bytes =
            options_size(state, "--memory", value, UINT64_MAX / 2,
                         "a size that a slot may use, such as 500M or 2G");
        return 0;
    case KEY_STAY:
        options->stay = true;
        return 0;
    case KEY_ALIVE_FD:
        options->alive_fd =
            (int)options_number(state, "--alive-fd", value, 3, 1 << 20, "a descriptor");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{.argp = &common_argp}, {0}};
static const struct argp parser = {
    .options = options_table,
    .parser = parse_option,
    .args_doc = "COMMAND [ARGUMENT...]\n--plugin FILE.so [-- ARGUMENT...]",
    .doc =
        "Runs COMMAND on chunks of records: each on its standard input, the result "
        "from its standard output.\v"
        "SIGTERM drains: what runs is finished, the rest is handed back. A second one "
        "hands everything back at once.",
    .children = children,
};

/* Why the program's words may not have this placeholder; NULL: they may. */
static const char *why_not(enum program_mode mode, unsigned placeholder)
{
    switch (mode) {
    case PROGRAM_EXEC:
        break;
    case PROGRAM_PLUGIN:
        return "a plugin is prepared once, for all chunks and slots; process is told "
               "both numbers";
    case PROGRAM_LINES:
        if (placeholder == PLACEHOLDERS_CHUNK)
            return "with --mode lines one process works on many chunks";
        break;
    case PROGRAM_FRAMES:
        if (placeholder == PLACEHOLDERS_CHUNK)
            return "with --mode frames one process works on many chunks; each request "
                   "says its number";
        break;
    }
    return NULL;
}

static bool refuse(unsigned found, unsigned placeholder, const char *why)
{
    if (!why || !(found & placeholder))
        return false;
    say("%s has no number here: %s",
        placeholder == PLACEHOLDERS_CHUNK ? PLACEHOLDER_CHUNK : PLACEHOLDER_SLOT, why);
    return true;
}

/* Says what the command may not have, if it has it. */
static bool is_fit(const struct worker_options *options)
{
    static const unsigned all[] = {PLACEHOLDERS_CHUNK, PLACEHOLDERS_SLOT};
    bool plugin = options->mode == PROGRAM_PLUGIN;
    unsigned found = placeholders_in_words(options->command + plugin);
    unsigned in_name = plugin || options->shell ? 0
                                                : placeholders_in(options->command[0]);
    if (plugin && options->shell) {
        say("--shell is for a command, and --plugin has none");
        return false;
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (refuse(found, all[i], why_not(options->mode, all[i])) ||
            refuse(in_name, all[i],
                   "the command is looked up once; --shell looks it up each time"))
            return false;
    return true;
}

bool worker_options_parse(int argc, char **argv, struct worker_options *ret_options)
{
    int rest = argc;
    *ret_options = (struct worker_options){
        .common = COMMON_OPTIONS_DEFAULT,
        .slots = processors(),
        .alive_fd = -1,
    };
    options_parse(&parser, argc, argv, &rest, ret_options);
    ret_options->command = argv + rest;
    if (ret_options->plugin) {
        /* The plugin's file stands where a program's name does. There is room: the
         * words --plugin FILE lie before it. */
        ret_options->command = argv + rest - 1;
        ret_options->command[0] = (char *)ret_options->plugin;
        return is_fit(ret_options);
    }
    if (rest < argc)
        return is_fit(ret_options);
    say("no command: %s [OPTION...] [--] COMMAND [ARGUMENT...]",
        program_invocation_short_name);
    return false;
}
