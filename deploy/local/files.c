/* SPDX-License-Identifier: MIT */
/* Answerable for looking at files before a run, and for where its journal is. Reads
 * none of them. */
#include "deploy/local/files.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/memory.h"
#include <errno.h>
#include <libgen.h>
#include <limits.h>
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

static const char *output_path(const struct arguments *arguments)
{
    return as_path(arguments_value(arguments, "output"));
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
    bool found = !inputs[0] && is_output(NULL, output);

    for (size_t i = 0; inputs[i] && !found; i++)
        found = is_output(as_path(inputs[i]), output);
    free(inputs);
    return found;
}

/* Neither is there yet; realpath has then written where it would be. */
static bool would_be_same(const char *log, const char *output)
{
    char one[PATH_MAX], other[PATH_MAX], folder[PATH_MAX];

    snprintf(folder, sizeof folder, "%s", output);
    return !realpath(log, one) && errno == ENOENT && !realpath(output, other) &&
           errno == ENOENT && strcmp(one, other) == 0 &&
           access(dirname(folder), F_OK) == 0;
}

/* `output` is NULL for standard output. */
static bool is_same(const char *log, const char *output)
{
    struct stat out, in;

    if ((output ? stat(output, &out) : fstat(STDOUT_FILENO, &out)) < 0)
        return output && would_be_same(log, output);
    return S_ISREG(out.st_mode) && stat(log, &in) == 0 && in.st_dev == out.st_dev &&
           in.st_ino == out.st_ino;
}

/* The output would lie between the lines of the log, or they would be replaced by a
 * journal. That the log is the input is the ventilator's to say. */
static bool is_log_output(const struct arguments *arguments)
{
    const char *log = arguments_value(arguments, "joblog");
    const char *output = output_path(arguments), *what = NULL;
    char *journal = output ? allocate_text("%s.fanfold", output) : NULL;

    if (log) {
        log += *log == '+';
        if (is_same(log, output))
            what = "output";
        else if (journal && is_same(log, journal))
            what = "output's journal";
    }
    if (what)
        say("--joblog %s is the %s: write to another file", log, what);
    free(journal);
    return what;
}

/* Only a regular file that is written in order has a journal. That of a directory or of
 * what cannot be looked at is the sink's to say. */
static bool may_resume(const struct arguments *arguments)
{
    const char *output = output_path(arguments);
    struct stat out;

    if (!output)
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

int files_check(const struct arguments *arguments)
{
    if (is_input_output(arguments) || is_log_output(arguments) ||
        (arguments_has(arguments, "resume") && !may_resume(arguments)))
        return STATUS_USAGE;
    return STATUS_OK;
}

char *files_journal(const struct arguments *arguments)
{
    const char *output = output_path(arguments);
    struct stat file;
    char *path;

    if (!output)
        return NULL;
    path = allocate_text("%s.fanfold", output);
    if (stat(path, &file) == 0 && S_ISREG(file.st_mode))
        return path;
    free(path);
    return NULL;
}
