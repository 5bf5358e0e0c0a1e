/* SPDX-License-Identifier: MIT */
/*
 * Runs a command on each line of standard input, and prints the results in order:
 *
 *     cc upper_lines.c $(pkg-config --cflags --libs libfanfold) -o upper_lines
 *     ./upper_lines tr a-z A-Z < README.md
 *
 * The loop of any program that embeds fanfold: push until it is full, take until it is
 * empty, wait. A line that the command fails for is named, and the status is 1 then.
 */
#include "libfanfold.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct line {
    char *bytes;
    size_t room;
    ssize_t size; /* of one that waits to be pushed; -1: there is none */
};

static bool read_line(struct line *line)
{
    if (line->size < 0)
        line->size = getline(&line->bytes, &line->room, stdin);
    return line->size >= 0;
}

/* Pushes lines until the run is full, and says when there are no more. */
static int push_lines(struct fanfold *run, struct line *line, bool *finished)
{
    int outcome = FANFOLD_OK;
    while (!*finished && outcome == FANFOLD_OK) {
        if (!read_line(line)) {
            *finished = true;
            return fanfold_finish(run);
        }
        outcome = fanfold_push(run, line->bytes, (size_t)line->size, NULL);
        if (outcome == FANFOLD_OK)
            line->size = -1;
    }
    return outcome;
}

/* Whether there is one: the command may have failed for the line, mostly with words of
 * its own. */
static bool print(const struct fanfold_result *result)
{
    if (result->kind == FANFOLD_RESULT) {
        fwrite(result->data, 1, result->size, stdout);
        return true;
    }
    fprintf(stderr, "line %llu: %s%s%s\n", (unsigned long long)result->seq + 1,
            result->reason, *result->text ? ": " : "", result->text);
    return false;
}

static int take_results(struct fanfold *run, unsigned long long *failed)
{
    struct fanfold_result result;
    int outcome;
    while ((outcome = fanfold_take(run, &result)) == FANFOLD_OK)
        *failed += !print(&result);
    return outcome;
}

int main(int argc, char **argv)
{
    struct fanfold_config config = FANFOLD_CONFIG_INIT;
    struct line line = {.size = -1};
    unsigned long long failed = 0;
    bool finished = false;
    if (argc < 2)
        return fprintf(stderr, "usage: upper_lines COMMAND [ARGUMENT...]\n"), 2;
    config.command = (const char *const *)argv + 1;
    struct fanfold *run = fanfold_open(&config);
    int outcome = run ? FANFOLD_EMPTY : FANFOLD_ERROR;
    while (outcome == FANFOLD_EMPTY) {
        push_lines(run, &line, &finished); /* an error comes again from take */
        outcome = take_results(run, &failed);
        if (outcome == FANFOLD_EMPTY)
            fanfold_wait(run, -1);
    }
    if (outcome == FANFOLD_ERROR)
        fprintf(stderr, "upper_lines: %s\n", run ? fanfold_error(run) : "no memory");
    if (failed > 0)
        fprintf(stderr, "upper_lines: the command failed for %llu of the lines\n",
                failed);
    fanfold_close(&run);
    free(line.bytes);
    return outcome == FANFOLD_END && failed == 0 ? 0 : 1;
}
