/* SPDX-License-Identifier: MIT */
/* The command line of fanfold-worker. */
#include "worker/options.h"

#include "common/clock.h"
#include "common/options/table.h"
#include "common/parse.h"
#include "common/process/cgroup.h"
#include "common/protocol/message.h"
#include "worker/supervisor/placeholders.h"
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TIME_S (INT64_MAX / SECOND_US / 2)

/* The processors that this process may use, by its affinity and its quota. */
static uint32_t processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0
                    ? CPU_COUNT(&set)
                    : (int)sysconf(_SC_NPROCESSORS_ONLN);
    uint32_t there = count > 0 ? (uint32_t)count : 1;
    uint32_t quota = cgroup_processors(CGROUP_PROC);
    return quota && quota < there ? quota : there;
}

/* "8", and what there is of processors: "50%" of them, "+2", "-1"; at least 1. */
static uint32_t parse_slots(const struct argp_state *state, const char *value)
{
    uint64_t number;
    int64_t slots = processors();
    if (parse_percent(value, 1, 100 * SLOTS_MAX, &number))
        slots = slots * (int64_t)number / 100;
    else if (value[0] == '+' && parse_number(value + 1, 0, SLOTS_MAX, &number))
        slots += (int64_t)number;
    else if (value[0] == '-' && parse_number(value + 1, 0, SLOTS_MAX, &number))
        slots -= (int64_t)number;
    else if (parse_number(value, 1, SLOTS_MAX, &number))
        slots = (int64_t)number;
    else
        options_bad(state, "-j", value,
                    "a number of slots, from 1 to 65535, or 50%, +1, -1 of the "
                    "processors there are (for workers on other hosts alone, start "
                    "fanfold-ventilator and fanfold-sink here, and fanfold-worker "
                    "there)");
    return slots < 1 ? 1 : slots > SLOTS_MAX ? SLOTS_MAX : (uint32_t)slots;
}

static enum program_mode parse_mode(const struct argp_state *state, const char *value)
{
    static const char *const modes[] = {[PROGRAM_EXEC] = "exec",
                                        [PROGRAM_LINES] = "lines",
                                        [PROGRAM_FRAMES] = "frames"};
    for (size_t mode = 0; mode < sizeof modes / sizeof *modes; mode++)
        if (modes[mode] && strcmp(value, modes[mode]) == 0)
            return (enum program_mode)mode;
    options_bad(state, "--mode", value, "exec, lines or frames");
}

static int64_t parse_silence(const struct argp_state *state, const char *value)
{
    return options_duration_us(state, "--silence", value, 0,
                               "a duration such as 60, 500ms or 5m; 0: no limit");
}

static void parse_on_lost(struct worker_options *options,
                          const struct argp_state *state, const char *value)
{
    options->on_lost = ON_LOST_WAIT;
    options->wait_us = -1;
    if (strcmp(value, "finish") == 0)
        options->on_lost = ON_LOST_FINISH;
    else if (strcmp(value, "stop") == 0)
        options->on_lost = ON_LOST_STOP;
    else if (strcmp(value, "wait") != 0 &&
             !options_wait_us(state, value, &options->wait_us))
        options_bad(state, "--on-lost", value,
                    "wait, wait=DURATION such as wait=10m, finish or stop");
}

static const char *parse_place(const struct argp_state *state, const char *value)
{
    size_t size = strlen(value);
    if (size == 0 || size > PLACE_MAX_BYTES)
        options_bad(state, "--place", value, "a name of 1 to 26 bytes");
    return value;
}

static int parse_niceness(const struct argp_state *state, const char *value)
{
    bool negative = value[0] == '-';
    uint64_t number;
    if (!parse_number(value + negative, 0, negative ? 20 : 19, &number))
        options_bad(state, "--nice", value, "a niceness, from -20 to 19");
    return negative ? -(int)number : (int)number;
}

/* What is for workers that something else than a person starts, and ends. */
static error_t parse_place_option(int key, const char *value,
                                  const struct argp_state *state)
{
    struct worker_options *options = state->input;
    switch (key) {
    case KEY_ON_LOST:
        parse_on_lost(options, state, value);
        return 0;
    case KEY_DRAIN_BEFORE:
        options->drain_before_us = options_drain_before_us(state, value);
        return 0;
    case KEY_END_TIME:
        options->end_s =
            (int64_t)options_number(state, "--end-time", value, 1, MAX_TIME_S,
                                    "seconds since 1970, as `date +%s` prints them");
        return 0;
    case KEY_PLACE:
        options->place = parse_place(state, value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Directories of this host. */
static error_t parse_directory(int key, const char *value,
                               struct worker_options *options)
{
    switch (key) {
    case KEY_WORKDIR:
        options->workdir = value;
        return 0;
    case KEY_ROOT:
        options->root = value;
        return 0;
    case KEY_PARTS:
        options->parts = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct worker_options *options = state->input;
    if (parse_place_option(key, value, state) == 0 ||
        parse_directory(key, value, options) == 0)
        return 0;
    switch (key) {
    case KEY_JOBS:
        options->slots = parse_slots(state, value);
        return 0;
    case KEY_PLUGIN:
        options->plugin = value;
        return 0;
    case KEY_MODE:
        options->mode_given = true;
        options->mode = parse_mode(state, value);
        return 0;
    case KEY_SILENCE:
        options->silence_us = parse_silence(state, value);
        return 0;
    case KEY_PREPARE_EACH:
        options->prepare_each = true;
        return 0;
    case KEY_STRIP_FRAME:
        options->strip_frame = true;
        return 0;
    case KEY_SHELL:
        options->shell = true;
        return 0;
    case KEY_NICE:
        options->niceness = parse_niceness(state, value);
        return 0;
    case KEY_MEMORY:
        options->memory_bytes =
            options_size(state, "--memory", value, UINT64_MAX / 2,
                         "a size that a slot may use, such as 500M or 2G");
        return 0;
    case KEY_LEASH:
        options->leash = true;
        return 0;
    case KEY_COPIED: /* no program needs our copies of libraries */
        unsetenv("LD_LIBRARY_PATH");
        return 0;
    case KEY_CHECK:
        options->check = options_endpoint(state, "--check", value, TASKS_PORT);
        return 0;
    case KEY_STAY:
        options->stay = true;
        return 0;
    case KEY_ALIVE_FD:
        options->alive_fd =
            (int)options_number(state, "--alive-fd", value, 3, 1 << 20, "a descriptor");
        fcntl(options->alive_fd, F_SETFD, FD_CLOEXEC); /* no program's business */
        return 0;
    default:
        return options_parse_common(key, value, state, &options->common);
    }
}

static const struct argp_option option_table[] = {WORKER_OPTIONS};
static const struct argp parser = {
    .options = option_table,
    .parser = parse_option,
    .args_doc = "COMMAND [ARGUMENT...]\n--plugin FILE.so [-- ARGUMENT...]",
    .doc =
        "Runs COMMAND on chunks of records: each on its standard input, the result "
        "from its standard output.\v"
        "After SIGTERM the worker finishes what runs and hands back the rest. After a "
        "second one it hands everything back at once.\n\n" OPTIONS_UNITS,
};

/* What is about another mode than the one that was chosen is a misunderstanding. */
static bool check_mode(struct worker_options *options)
{
    if (options->plugin && options->mode_given)
        say("--mode is not for plugins: leave it out");
    else if (options->plugin && options->shell)
        say("--shell is for a command: with --plugin there is none");
    else if (options->silence_us >= 0 && options->mode != PROGRAM_LINES)
        say("--silence needs --mode lines");
    else if (options->prepare_each && options->mode != PROGRAM_FRAMES)
        say("--prepare-each needs --mode frames");
    else
        return true;
    return false;
}

/* Why the program's words may not have this placeholder; NULL: they may. */
static const char *why_not(const struct worker_options *options, unsigned placeholder)
{
    bool chunk = placeholder == PLACEHOLDERS_CHUNK;
    switch (options->mode) {
    case PROGRAM_EXEC:
        break;
    case PROGRAM_PLUGIN:
        return "a plugin is prepared once, for all chunks and slots; process is told "
               "both numbers";
    case PROGRAM_LINES:
        return chunk ? "with --mode lines one process works on many chunks" : NULL;
    case PROGRAM_FRAMES:
        if (chunk)
            return "with --mode frames one process works on many chunks; each request "
                   "says its number";
        if (!options->prepare_each)
            return "with --mode frames it is prepared once, for all slots; with "
                   "--prepare-each once a slot";
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

/* Says which placeholder the command has that it may not have. */
static bool check_placeholders(const struct worker_options *options)
{
    static const unsigned all[] = {PLACEHOLDERS_CHUNK, PLACEHOLDERS_SLOT};
    bool plugin = options->mode == PROGRAM_PLUGIN;
    unsigned found = placeholders_in_words(options->command + plugin);
    unsigned in_name = plugin || options->shell ? 0
                                                : placeholders_in(options->command[0]);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (refuse(found, all[i], why_not(options, all[i])) ||
            refuse(in_name, all[i],
                   "the command is looked up once; --shell looks it up each time"))
            return false;
    return true;
}

/* What Slurm says counts where nothing else was said. */
static bool find_end(struct worker_options *options)
{
    uint64_t end_s;
    const char *said = getenv("SLURM_JOB_END_TIME");
    if (options->end_s && !options->drain_before_us) {
        say("--end-time is for --drain-before, which says how long before it the "
            "worker leaves");
        return false;
    }
    if (!options->drain_before_us || options->end_s)
        return true;
    if (said && parse_number(said, 1, MAX_TIME_S, &end_s)) {
        options->end_s = (int64_t)end_s;
        return true;
    }
    say("--drain-before needs to know when the walltime ends: give --end-time SECONDS");
    return false;
}

bool worker_options_parse(int argc, char **argv, struct worker_options *ret_options)
{
    int rest = argc;
    *ret_options = (struct worker_options){
        .common = COMMON_OPTIONS_DEFAULT,
        .slots = processors(),
        .silence_us = -1,
        .wait_us = -1,
        .alive_fd = -1,
    };
    options_parse(&parser, argc, argv, &rest, ret_options);
    if (ret_options->check)
        return true;
    if (!check_mode(ret_options) || !find_end(ret_options))
        return false;
    if (ret_options->plugin)
        ret_options->mode = PROGRAM_PLUGIN;
    if (ret_options->silence_us < 0)
        ret_options->silence_us = DEFAULT_SILENCE_US;
    ret_options->command = argv + rest;
    if (ret_options->plugin) {
        /* The plugin's file stands where a program's name does. There is room: the
         * words --plugin FILE lie before it. */
        ret_options->command = argv + rest - 1;
        ret_options->command[0] = (char *)ret_options->plugin;
        return check_placeholders(ret_options);
    }
    if (rest < argc)
        return check_placeholders(ret_options);
    say("no command: %s [OPTION...] [--] COMMAND [ARGUMENT...]",
        program_invocation_short_name);
    return false;
}
