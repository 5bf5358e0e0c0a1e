/* SPDX-License-Identifier: MIT */
/* Starts no worker and no sink, and writes only to standard output. */
#include "deploy/local/dry_run.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/shell_quote.h"
#include "deploy/local/child.h"
#include "deploy/local/role_words.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_command(const struct arguments *arguments)
{
    const char *plugin = arguments_value(arguments, "plugin");
    fputs(plugin ? "plugin\t" : "command\t", stdout);
    if (plugin)
        shell_quote_if_needed(stdout, plugin);
    for (char **word = arguments->command; *word; word++) {
        if (plugin || word != arguments->command)
            putchar(' ');
        shell_quote_if_needed(stdout, *word);
    }
    putchar('\n');
}

int dry_run(const struct arguments *arguments)
{
    const struct run_words run = {.tasks = "ipc://none", .results = "ipc://none"};
    char *program = child_find(ROLE_VENTILATOR);
    char **words;
    if (!program) {
        say("cannot find %s: neither beside fanfold nor in PATH",
            role_programs[ROLE_VENTILATOR]);
        return STATUS_NOT_FOUND;
    }
    print_command(arguments);
    if (fflush(stdout) != 0) {
        say("cannot write to standard output: %s", strerror(errno));
        free(program);
        return STATUS_IO;
    }
    words = role_words(arguments, ROLE_VENTILATOR, &run);
    execv(program, words);
    say("cannot start %s: %s", program, strerror(errno));
    role_words_free(&words);
    free(program);
    return STATUS_CANNOT_EXECUTE;
}

/* The sink knows how far an output is, and says what is wrong with it. */
int committed_print(const struct arguments *arguments)
{
    const char *output = arguments_value(arguments, "output");
    const char *spool = arguments_value(arguments, "spool-out");
    char *words[] = {(char *)role_programs[ROLE_SINK],
                     (char *)"--committed",
                     (char *)"-o",
                     (char *)(output ? output : "-"),
                     (char *)(spool ? "--spool-out" : NULL), /* the output's place */
                     (char *)spool,
                     NULL};
    char *path = child_find(ROLE_SINK);
    if (path)
        execv(path, words);
    say("cannot execute fanfold-sink: %s", path ? strerror(errno) : "it is not there");
    free(path);
    return STATUS_NOT_FOUND;
}
