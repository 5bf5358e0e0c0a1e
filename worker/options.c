/* SPDX-License-Identifier: MIT */
/* The command line of fanfold-worker. */
#include "worker/options.h"

#include "common/message.h"
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEY_PLUGIN = OPTION_KEY_FIRST, KEY_STAY, KEY_ALIVE_FD };

static const struct argp_option options_table[] = {
    {.name = "jobs",
     .key = 'j',
     .arg = "N",
     .doc = "Run N tasks at a time (as many as there are processors)"},
    {.name = "plugin",
     .key = KEY_PLUGIN,
     .arg = "FILE.so",
     .doc = "Run a plugin (fanfold.h) in place of a command; its arguments follow"},
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
        return true;
    }
    if (rest < argc)
        return true;
    say("no command: %s [OPTION...] [--] COMMAND [ARGUMENT...]",
        program_invocation_short_name);
    return false;
}
