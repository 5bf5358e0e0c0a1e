/* SPDX-License-Identifier: MIT */
/* Answerable for the checks of files, and of what embeds the run, before a run, and for
 * the journal's path. Opens no file. */
#include "deploy/local/preflight.h"
#include "common/exit_status.h"
#include "common/files/derived_path.h"
#include "common/log.h"
#include "common/process/same_file.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* NULL: a standard stream, which "-" names too. */
static const char *as_path(const char *name)
{
    return name && strcmp(name, "-") != 0 ? name : NULL;
}

/* Messages have no path, either. */
static const char *output_path(const struct arguments *arguments)
{
    return arguments_give_messages(arguments)
               ? NULL
               : as_path(arguments_value(arguments, "output"));
}

/* `input` is NULL for standard input. */
static bool is_output(const char *input, const char *output)
{
    struct stat in, out;
    if ((input ? stat(input, &in) : fstat(STDIN_FILENO, &in)) < 0 ||
        (output ? stat(output, &out) : fstat(STDOUT_FILENO, &out)) < 0 ||
        !S_ISREG(out.st_mode) || in.st_dev != out.st_dev || in.st_ino != out.st_ino)
        return false;
    say("the output is the input (%s): write to another file", output ? output
                                                               : input
                                                                   ? input
                                                                   : "standard input");
    return true;
}

/* The sink would empty the file before the ventilator has read it, or the ventilator
 * would read what the sink appends. */
static bool is_input_output(const struct arguments *arguments)
{
    const char **inputs = arguments_inputs(arguments);
    const char *output = output_path(arguments);
    bool given = arguments_give_messages(arguments);
    bool found = !given && !inputs[0] && is_output(NULL, output);
    for (size_t i = 0; inputs[i] && !found && !given; i++)
        found = is_output(as_path(inputs[i]), output);
    free(inputs);
    return found;
}

/* ---- names that a run makes ---- */

/* `output` is NULL for standard output. */
static bool is_output_file(const char *path, const char *output)
{
    struct stat out, file;
    if (output)
        return (stat(output, &out) < 0 || S_ISREG(out.st_mode)) &&
               is_same_file(path, output);
    return fstat(STDOUT_FILENO, &out) == 0 && S_ISREG(out.st_mode) &&
           stat(path, &file) == 0 && file.st_dev == out.st_dev &&
           file.st_ino == out.st_ino;
}

/* Which of the names beside the output that is; NULL: none. */
static const char *find_derived(const char *path, const char *output)
{
    const char *found = NULL;
    if (!output)
        return NULL;
    char *journal = journal_path(output), *temporary = journal_temporary_path(output);
    char *dead_letters = dead_letters_path(output), *keys = run_keys_path(output);
    if (is_same_file(path, journal))
        found = "output's journal";
    else if (is_same_file(path, temporary))
        found = "output's journal, while that is written";
    else if (is_same_file(path, dead_letters))
        found = "output's directory of dead letters";
    else if (is_same_file(path, keys))
        found = "output's directory of keys";
    free(keys);
    free(journal);
    free(temporary);
    free(dead_letters);
    return found;
}

/* True, after a sentence: a file that the option names is the output, or has a name
 * beside it. */
static bool clashes(const char *option, const char *path, const char *output)
{
    const char *what = is_output_file(path, output) ? "output"
                                                    : find_derived(path, output);
    if (what)
        say("%s%s is the %s: write to another file", option, path, what);
    return what;
}

/* The ventilator reports a log that is the input. */
static bool log_clashes(const struct arguments *arguments, const char *output)
{
    const char *log = arguments_value(arguments, "joblog");
    const char *dead_letters = arguments_value(arguments, "dead-letters");
    if (!log)
        return false;
    log += *log == '+';
    if (dead_letters && is_same_file(log, dead_letters)) {
        say("--joblog %s is the directory of dead letters: write to another file", log);
        return true;
    }
    return clashes("--joblog ", log, output);
}

/* An input that is the output is reported before. */
static bool input_clashes(const struct arguments *arguments, const char *output)
{
    const char **inputs = arguments_inputs(arguments);
    bool found = false;
    for (size_t i = 0; inputs[i] && !found; i++)
        found = as_path(inputs[i]) && clashes("the input ", inputs[i], output);
    free(inputs);
    return found;
}

/* A program that is found by PATH is not where one writes to. */
static bool program_clashes(const struct arguments *arguments, const char *output)
{
    const char *plugin = arguments_value(arguments, "plugin");
    const char *command = arguments->command[0];
    if (plugin)
        return clashes("--plugin ", plugin, output);
    return command && strchr(command, '/') && !arguments_has(arguments, "shell") &&
           clashes("the program ", command, output);
}

static bool some_name_clashes(const struct arguments *arguments)
{
    const char *output = output_path(arguments);
    return log_clashes(arguments, output) || input_clashes(arguments, output) ||
           program_clashes(arguments, output);
}

/* ---- resuming ---- */

/* Only a regular file that is written in order has a journal. The sink reports a
 * directory, and a file that stat cannot see. */
static bool may_resume(const struct arguments *arguments)
{
    const char *output = output_path(arguments);
    struct stat out;
    if (arguments_has(arguments, "spool-out"))
        return true; /* its journal is in the spool */
    if (arguments_give_messages(arguments))
        say("--resume needs -o FILE: messages that have left cannot be taken back");
    else if (!output)
        say("--resume needs -o FILE: standard output has no journal");
    else if (arguments_has(arguments, "unordered"))
        say("--resume and --unordered exclude each other: only an output in order has "
            "a journal");
    else if (stat(output, &out) == 0 && !S_ISREG(out.st_mode) && !S_ISDIR(out.st_mode))
        say("--resume needs a regular file: %s has no journal", output);
    else
        return true;
    return false;
}

/* tar would leave out what it cannot read, and the run would go on without it. */
static bool transfers_are_there(const struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->count; i++) {
        const struct passed *passed = &arguments->passed[i];
        if (strcmp(passed_name(passed), "transfer-file") != 0 ||
            access(passed->value, R_OK) == 0)
            continue;
        say("--transfer-file: cannot read %s: %s", passed->value, strerror(errno));
        return false;
    }
    return true;
}

/* A library that embeds the run says what comes in and goes out: a word of its caller
 * must not. */
static bool embedded_allowed(const struct arguments *arguments)
{
    char *const *command = arguments->command;
    static const char *const wire[] = {
        "input",     "arg-file",    "output",       "max-replace-args", "format",
        "max-lines", "recend",      "recstart",     "regexp",           "null",
        "fixed",     "whole-files", "header",       "header-out",       "frames-out",
        "rotate",    "records-out", "dry-run",      "committed",        "resume",
        "spool",     "spool-out",   "committed-fd", "no-decompress",    "linger",
    };
    bool follows = false;
    for (size_t i = 0; i < arguments->count; i++) {
        const char *name = passed_name(&arguments->passed[i]);
        for (size_t j = 0; follows && j < sizeof wire / sizeof *wire; j++)
            if (strcmp(name, wire[j]) == 0) {
                say("--%s is not for a run that a library embeds: the library says "
                    "what a record and a result are",
                    name);
                return false;
            }
        follows |= strcmp(name, "embedded") == 0;
    }
    bool ends = !command[0] ||
                (strcmp(command[-1], "--") == 0 && strcmp(command[0], "--") != 0);
    if (follows && !ends)
        say("'%s' is no option: the command of a run that a library embeds has a place "
            "of its own",
            command[0]);
    return ends || !follows;
}

int preflight_check(const struct arguments *arguments)
{
    if (!embedded_allowed(arguments))
        return STATUS_USAGE;
    if (is_input_output(arguments) || some_name_clashes(arguments) ||
        !transfers_are_there(arguments) ||
        (arguments_has(arguments, "resume") && !may_resume(arguments)))
        return STATUS_USAGE;
    return STATUS_OK;
}

char *preflight_journal(const struct arguments *arguments)
{
    const char *output = output_path(arguments);
    struct stat file;
    char *path;
    if (!output)
        return NULL;
    path = journal_path(output);
    if (stat(path, &file) == 0 && S_ISREG(file.st_mode))
        return path;
    free(path);
    return NULL;
}
