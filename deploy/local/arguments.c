/* SPDX-License-Identifier: MIT */
/*
 * Answerable for the words on the command lines: which the launcher keeps, which it
 * passes on, and to which roles. It knows of the roles only the table of options, and
 * checks a value only if several roles would complain about it at once.
 */
#include "deploy/local/arguments.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "common/net/message_end.h"
#include "common/options.h"
#include "common/options/table.h"
#include "common/parse.h"
#include "common/process/runtime_dir.h"
#include "deploy/local/parallel/parallel_options.h"
#include "deploy/slurm/scaler.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FOR_VENTILATOR = 1 << ROLE_VENTILATOR,
    FOR_WORKER = 1 << ROLE_WORKER,
    FOR_SINK = 1 << ROLE_SINK
};

static const struct option_row rows[] = {LAUNCHER_ROWS};

enum { ROWS = sizeof rows / sizeof *rows };

/* These values have several owners, which would all complain at once, or are for jobs
 * of Slurm, which would complain late. */
static void check_value(const struct argp_state *state, int key, const char *value)
{
    int64_t wait_us;
    if (key == KEY_LIVENESS)
        options_liveness_us(state, value);
    else if (key == KEY_PATIENCE)
        options_patience_us(state, value);
    else if (key == KEY_LOG_LEVEL)
        options_log_level(state, value);
    else if (key == KEY_PORT_RANGE)
        options_ports(state, value);
    else if (key == KEY_INTERFACE)
        options_interface(state, value);
    else if (key == KEY_HWM)
        options_number(state, "--hwm", value, 1, HWM_MAX, "a number from 1 to 1000000");
    else if (key == KEY_DRAIN_BEFORE)
        options_drain_before_us(state, value);
    else if (key == KEY_ON_LOST)
        options_wait_us(state, value, &wait_us);
    else if (key == KEY_IDLE_RELEASE)
        options_duration_us(state, "--idle-release", value, 0,
                            "a duration, such as 60 or 5m");
}

static void pass_on(struct arguments *arguments, const struct option_row *row,
                    const char *value)
{
    arguments->passed =
        reallocate(arguments->passed, arguments->count + 1, sizeof *arguments->passed);
    arguments->passed[arguments->count++] = (struct passed){row, value};
}

static void keep(struct arguments *arguments, const struct option_row *row,
                 const char *value)
{
    pass_on(arguments, row, value);
    if (row->means == KEY_TASKS)
        arguments->tasks = value;
    else if (row->means == KEY_RESULTS)
        arguments->results = value;
    else if (row->means == KEY_INSECURE)
        arguments->insecure = true;
    else if (row->means == KEY_PLUGIN)
        arguments->plugin = true;
    else if (row->means == KEY_QUIET)
        arguments->quiet = true;
    else if (row->means == KEY_PROGRESS)
        arguments->progress = SAID_YES;
    else if (row->means == KEY_NO_PROGRESS)
        arguments->progress = SAID_NO;
}

static void parse_slurm(const struct argp_state *state, const char *value)
{
    struct arguments *arguments = state->input;
    if (!scaler_read_range(value, &arguments->slurm_least, &arguments->slurm))
        options_bad(state, "--slurm", value,
                    "a number of jobs, such as 8, or MIN..MAX, such as 0..8");
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (key != rows[i].key)
            continue;
        check_value(state, rows[i].means, value);
        if (key == KEY_SLURM)
            parse_slurm(state, value);
        keep(state->input, &rows[i], value);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

/* Three programs would refuse it, each in its own words. */
static bool endpoint_allowed(const char *endpoint)
{
    char error[512];
    if (!endpoint || endpoint_check(endpoint, true, error, sizeof error) == 0)
        return true;
    say("%s", error);
    return false;
}

/* ":" and "4/:" name this host, which meets the run in private. */
static bool names_other_hosts(const char *logins)
{
    for (const char *login = logins + strspn(logins, ","); *login;
         login += strspn(login, ",")) {
        size_t size = strcspn(login, ",");
        bool here = login[size - 1] == ':' && (size == 1 || login[size - 2] == '/');
        if (!here)
            return true;
        login += size;
    }
    return false;
}

static bool needs_open_tasks(const struct arguments *arguments)
{
    bool others = arguments_has(arguments, "sshloginfile");
    for (size_t i = 0; i < arguments->count; i++)
        if (arguments->passed[i].row->means == KEY_SSHLOGIN)
            others |= names_other_hosts(arguments->passed[i].value);
    return others && !arguments->tasks && !arguments_has(arguments, "tunnel");
}

/* -S names this host alone, where it might have named others: a script may have the
 * options for those anyway. */
static bool is_alone_among_hosts(const struct arguments *arguments)
{
    return arguments_remote(arguments) && !arguments->tasks &&
           !arguments_has(arguments, "tunnel");
}

const char *arguments_public(const char *given)
{
    return given && strncmp(given, "tcp://", strlen("tcp://")) == 0 ? given : NULL;
}

static bool binds_any(const char *endpoint)
{
    return endpoint && strncmp(endpoint, "tcp://*", strlen("tcp://*")) == 0;
}

/* Words that mean nothing without another. */
static bool needs_are_met(const struct arguments *arguments)
{
    enum need { SLURM, SSH, OPEN };
    static const char *const texts[] = {
        [SLURM] = "--slurm",
        [SSH] = "-S, or --sshloginfile: it is for hosts that are reached by ssh",
        [OPEN] = "a --tasks that other hosts reach, such as tcp://*:*",
    };
    static const struct {
        const char *name;
        enum need need;
    } needs[] = {
        {"slurm-options", SLURM},
        {"drain-before", SLURM},
        {"on-lost", SLURM},
        {"idle-release", SLURM},
        {"ssh", SSH},
        {"remote-bin", SSH},
        {"copy-self", SSH},
        {"transfer-file", SSH},
        {"tunnel", SSH},
        {"port-range", OPEN},
        {"interface", OPEN},
    };
    const bool met[] = {
        [SLURM] = arguments->slurm > 0,
        [SSH] = arguments_remote(arguments),
        [OPEN] = arguments_public(arguments->tasks) ||
                 arguments_public(arguments->results) ||
                 is_alone_among_hosts(arguments),
    };
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (arguments_has(arguments, needs[i].name) && !met[needs[i].need]) {
            say("--%s needs %s", needs[i].name, texts[needs[i].need]);
            return false;
        }
    bool any = binds_any(arguments->tasks) || binds_any(arguments->results) ||
               is_alone_among_hosts(arguments);
    if (arguments_has(arguments, "interface") && !any)
        say("--interface is for an endpoint whose host is *, such as tcp://*:*");
    return any || !arguments_has(arguments, "interface");
}

/* Words that mean not what they seem to mean with Slurm. */
static bool slurm_allowed(const struct arguments *arguments)
{
    if (arguments_has(arguments, "idle-release") &&
        arguments->slurm_least == arguments->slurm)
        say("--idle-release needs --slurm MIN..MAX, as a fixed number of workers "
            "stays");
    else if (arguments->slurm && arguments_remote(arguments))
        say("--slurm: expected no -S beside it");
    else if (arguments->slurm && arguments_has(arguments, "jobs"))
        say("-j: with --slurm, a worker has a slot for each processor of its job: "
            "--slurm-options '--cpus-per-task N' says how many");
    else if (arguments->slurm && !arguments_public(arguments->tasks))
        say("--slurm needs a --tasks that other hosts reach, such as tcp://*:*");
    else
        return true;
    return false;
}

static bool others_may_join(const struct arguments *arguments)
{
    return arguments->tasks || arguments->slurm || arguments_remote(arguments);
}

/* Words that wait for workers, or name a place of theirs, where none can come. */
static bool company_allowed(const struct arguments *arguments)
{
    static const char others[] = "-S, --slurm, or --tasks";
    const char *least = arguments_value(arguments, "min-workers");
    uint64_t count;
    if (arguments->results && !arguments->tasks)
        say("--results needs --tasks, where workers come first");
    else if (least && parse_number(least, 2, UINT32_MAX, &count) &&
             !others_may_join(arguments))
        say("--min-workers %s needs %s: a run of this host has one worker, with -j "
            "slots",
            least, others);
    else
        return true;
    return false;
}

static bool is_socket(const char *name, enum message_direction direction)
{
    char error[512];
    struct message_end end;
    return name && message_end_parse(name, direction, &end, error, sizeof error) > 0;
}

static bool hwm_allowed(const struct arguments *arguments)
{
    const char **inputs = arguments_inputs(arguments);
    bool found = !arguments_has(arguments, "hwm") ||
                 is_socket(arguments_value(arguments, "output"), MESSAGES_OUT);
    for (size_t i = 0; inputs[i] && !found; i++)
        found = is_socket(inputs[i], MESSAGES_IN);
    free(inputs);
    if (!found)
        say("--hwm is for an input or an output that is messages");
    return found;
}

/* A range of ports is of no use to an endpoint that has its port already. */
static bool range_allowed(const struct arguments *arguments)
{
    const char *both[] = {arguments_public(arguments->tasks),
                          arguments_public(arguments->results)};
    bool chosen = both[0] && !arguments->results; /* that of results */
    if (!arguments_has(arguments, "port-range") || is_alone_among_hosts(arguments))
        return true;
    for (size_t i = 0; i < 2; i++) {
        if (both[i] && ports_is_bare(both[i])) {
            say("--port-range: expected %s:*, as an endpoint that names no port has a "
                "fixed one",
                both[i]);
            return false;
        }
        chosen |= both[i] && ports_is_chosen(both[i], NULL);
    }
    if (!chosen)
        say("--port-range is for an endpoint whose port is *, such as tcp://*:*");
    return chosen;
}

/* Only a program that answers line by line is given several records at a time. */
static bool strip_allowed(const struct arguments *arguments)
{
    const char *records = arguments_value(arguments, "max-replace-args");
    if (!arguments_has(arguments, "strip-frame") ||
        arguments_value_is(arguments, "mode", "lines"))
        return true;
    if (arguments_has(arguments, "block"))
        say("--strip-frame gives the command one record at a time, and excludes "
            "--block, except with --mode lines");
    else if (records && strcmp(records, "1") != 0)
        say("--strip-frame gives the command one record at a time: with -N, expected "
            "1, "
            "or --mode lines");
    else
        return true;
    return false;
}

int arguments_parse(struct arguments *arguments, int argc, char **argv)
{
    static const struct argp_option options[] = {LAUNCHER_OPTIONS};
    static const struct argp_child children[] = {{&parallel_options, 0, NULL, 0}, {0}};
    const struct argp argp = {
        .options = options,
        .children = children,
        .parser = parse_option,
        .args_doc = "[--] COMMAND [ARGUMENT...]\n--plugin FILE.so [-- ARGUMENT...]",
        .doc = "Cut the input into chunks, run COMMAND on each, on all processors, and "
               "put the results back in order.\v"
               "The chunk is the command's standard input, its standard output is the "
               "result. See fanfold(1) for more, and fanfold(7) for how it "
               "works.\n\n" OPTIONS_UNITS,
    };
    int rest = argc;
    *arguments = (struct arguments){.passed = NULL};
    options_parse(&argp, argc, argv, &rest, arguments);
    arguments->command = argv + rest;
    if (needs_open_tasks(arguments))
        arguments->tasks = "tcp://*:*";
    if (!arguments->plugin && rest == argc && !arguments_has(arguments, "committed")) {
        say("no command: fanfold [OPTIONS] -- COMMAND");
        return STATUS_USAGE;
    }
    if (arguments->slurm && !arguments->tasks)
        arguments->tasks = "tcp://*:*";
    if (!needs_are_met(arguments) || !slurm_allowed(arguments) ||
        !strip_allowed(arguments) || !endpoint_allowed(arguments->tasks) ||
        !endpoint_allowed(arguments->results) || !range_allowed(arguments) ||
        !company_allowed(arguments) || !hwm_allowed(arguments))
        return STATUS_USAGE;
    if (arguments->insecure && arguments_has(arguments, "keys")) {
        say("--keys: expected no --insecure beside it");
        return STATUS_USAGE;
    }
    return STATUS_OK;
}

void arguments_deinit(struct arguments *arguments)
{
    free(arguments->passed);
    arguments->passed = NULL;
}

bool passed_to_some(const struct passed *passed)
{
    return passed->row->owners != 0;
}

bool passed_to(const struct passed *passed, enum role role)
{
    return passed->row->owners & (1u << role);
}

const char *passed_name(const struct passed *passed)
{
    return passed->row->name;
}

static const struct passed *find_last(const struct arguments *arguments,
                                      const char *name)
{
    for (size_t i = arguments->count; i-- > 0;)
        if (strcmp(arguments->passed[i].row->name, name) == 0)
            return &arguments->passed[i];
    return NULL;
}

const char *arguments_value(const struct arguments *arguments, const char *name)
{
    const struct passed *passed = find_last(arguments, name);
    return passed ? passed->value : NULL;
}

bool arguments_value_is(const struct arguments *arguments, const char *name,
                        const char *what)
{
    const char *value = arguments_value(arguments, name);
    return value && strcmp(value, what) == 0;
}

const char **arguments_inputs(const struct arguments *arguments)
{
    const char **inputs = allocate_zeroed(arguments->count + 1, sizeof *inputs);
    size_t count = 0;
    for (size_t i = 0; i < arguments->count; i++) {
        const struct passed *passed = &arguments->passed[i];
        if (passed->row->means == KEY_INPUT || passed->row->means == KEY_ARG_FILE)
            inputs[count++] = passed->value;
    }
    return inputs;
}

bool arguments_take_messages(const struct arguments *arguments)
{
    char error[512];
    struct message_end end;
    const char **inputs = arguments_inputs(arguments);
    bool found = false;
    for (size_t i = 0; inputs[i] && !found; i++)
        found = strncmp(inputs[i], "exec:", strlen("exec:")) == 0 ||
                message_end_parse(inputs[i], MESSAGES_IN, &end, error, sizeof error) >
                    0;
    free(inputs);
    return found;
}

bool arguments_give_messages(const struct arguments *arguments)
{
    char error[512];
    struct message_end end;
    const char *output = arguments_value(arguments, "output");
    return output &&
           (strncmp(output, "exec:", 5) == 0 ||
            message_end_parse(output, MESSAGES_OUT, &end, error, sizeof error) > 0);
}

bool arguments_has(const struct arguments *arguments, const char *name)
{
    return find_last(arguments, name) != NULL;
}

bool arguments_remote(const struct arguments *arguments)
{
    return arguments_has(arguments, "sshlogin") ||
           arguments_has(arguments, "sshloginfile");
}

bool arguments_isolate(const struct arguments *arguments)
{
    return arguments_value_is(arguments, "on-error", "isolate");
}

bool arguments_show_progress(const struct arguments *arguments)
{
    if (arguments->quiet || arguments->progress == SAID_NO || !isatty(STDERR_FILENO))
        return false;
    return arguments->progress == SAID_YES || arguments_value(arguments, "output") ||
           !isatty(STDOUT_FILENO);
}
