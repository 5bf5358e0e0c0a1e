/* SPDX-License-Identifier: MIT */
/*
 * The shared options beside a program's own. A case that ends the process runs in a
 * child, and the test checks its output and status.
 */
#include "common/options.h"
#include "common/options/table.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct program {
    struct common_options common;
    const char *window;
};

static error_t parse_program(int key, char *value, struct argp_state *state)
{
    struct program *program = state->input;
    switch (key) {
    case KEY_WINDOW:
        if (strcmp(value, "abc") == 0)
            options_bad(state, "--window", value, "a number from 1 to 131072");
        program->window = value;
        return 0;
    default:
        return options_parse_common(key, value, state, &program->common);
    }
}

static const struct argp_option option_table[] = {
    COMMON_OPTIONS,
    {.name = "window", .key = KEY_WINDOW, .arg = "CHUNKS", .doc = "How far"},
    {0}};
static const struct argp program_argp = {
    .options = option_table, .parser = parse_program, .doc = "A program."};

/* `words` end with NULL. Returns the rest's index. */
static int parse(struct program *program, const char **words)
{
    int count = 0, rest = -1;
    char *arguments[32];
    for (; words[count]; count++)
        arguments[count] = (char *)(uintptr_t)words[count]; /* nobody writes to it */
    arguments[count] = NULL;
    *program = (struct program){.common = COMMON_OPTIONS_DEFAULT};
    options_parse(&program_argp, count, arguments, &rest, program);
    return rest;
}

#define WORDS(...)                         \
    (const char *[])                       \
    {                                      \
        "/usr/bin/sink", __VA_ARGS__, NULL \
    }

Test(options, have_defaults)
{
    struct program program;
    cr_assert_eq(parse(&program, (const char *[]){"sink", NULL}), 1);
    cr_assert_null(program.common.tasks);
    cr_assert_null(program.common.results);
    cr_assert_null(program.common.name);
    cr_assert_not(program.common.insecure);
    cr_assert_not(program.common.quiet);
    cr_assert_eq(program.common.log_level, LOG_LEVEL_WARN);
    cr_assert_eq(program.common.liveness_us, 10000000);
    cr_assert_lt(program.common.patience_us, 0);
}

Test(options, are_read_into_the_common_and_the_own_struct)
{
    struct program program;
    int rest = parse(&program,
                     WORDS("--tasks", "ipc:///t", "--results=tcp://h:1", "--name", "n",
                           "--insecure", "--quiet", "--liveness", "0.1",
                           "--patience=2m", "--window", "9", "--log-level", "trace"));
    cr_assert_eq(rest, 15);
    cr_assert_str_eq(program.common.tasks, "ipc:///t");
    cr_assert_str_eq(program.common.results, "tcp://h:1");
    cr_assert_str_eq(program.common.name, "n");
    cr_assert(program.common.insecure);
    cr_assert(program.common.quiet);
    cr_assert_eq(program.common.log_level, LOG_LEVEL_TRACE);
    cr_assert_eq(program.common.liveness_us, 100000);
    cr_assert_eq(program.common.patience_us, 120000000);
    cr_assert_str_eq(program.window, "9");
}

Test(options, tell_that_another_program_draws_a_line_on_stderr)
{
    struct program program;
    int ends[2];
    char text[64] = "";
    log_init("p", LOG_LEVEL_WARN);
    parse(&program, WORDS("--shared-line"));
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    say("hello");
    cr_assert_gt(read(ends[0], text, sizeof text - 1), 0);
    cr_assert_str_eq(text, "\r\033[Kp: hello\n");
}

Test(options, end_at_the_first_word_of_the_command)
{
    struct program program;
    cr_assert_eq(parse(&program, WORDS("--quiet", "gzip", "--name", "x", "-c")), 2);
    cr_assert(program.common.quiet);
    cr_assert_null(program.common.name);
}

Test(options, end_behind_two_dashes)
{
    struct program program;
    cr_assert_eq(parse(&program, WORDS("--quiet", "--", "--name", "x")), 3);
    cr_assert_null(program.common.name);
    cr_assert_eq(parse(&program, WORDS("--", "gzip", "--", "-c")), 2);
}

struct ending {
    int status;
    char out[4096], err[4096];
};

static void read_all(int fd, char *text, size_t size)
{
    size_t used = 0;
    for (ssize_t got = 1; got > 0 && used + 1 < size; used += got > 0 ? (size_t)got : 0)
        got = read(fd, text + used, size - 1 - used);
    text[used] = '\0';
    close(fd);
}

/* Before a leak checker, which a child of a test with threads only confuses. */
static void end_at_once(int status, void *unused)
{
    (void)unused;
    fflush(NULL);
    _exit(status);
}

static struct ending run(const char **words)
{
    static struct ending ending;
    int out[2], err[2];
    cr_assert_eq(pipe(out), 0);
    cr_assert_eq(pipe(err), 0);
    pid_t child = fork();
    if (child == 0) {
        on_exit(end_at_once, NULL);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        program_invocation_short_name = (char[]){"fanfold-sink"};
        struct program program;
        parse(&program, words);
        _exit(99);
    }
    close(out[1]);
    close(err[1]);
    read_all(out[0], ending.out, sizeof ending.out);
    read_all(err[0], ending.err, sizeof ending.err);
    cr_assert_eq(waitpid(child, &ending.status, 0), child);
    cr_assert(WIFEXITED(ending.status));
    ending.status = WEXITSTATUS(ending.status);
    return ending;
}

Test(options, bad_value_names_option_value_and_what_is_expected)
{
    struct ending ending = run(WORDS("--window", "abc"));
    cr_assert_eq(ending.status, 2);
    cr_assert_str_eq(ending.err,
                     "fanfold-sink: --window: 'abc': expected a number from 1 "
                     "to 131072\n");
    cr_assert_str_empty(ending.out);
}

Test(options, bad_values_of_the_common_ones_are_usage_errors)
{
    static const struct {
        const char *option, *value;
    } bad[] = {{"--liveness", "0"},    {"--liveness", "0.09"}, {"--liveness", "-1"},
               {"--patience", "soon"}, {"--patience", "0"},    {"--log-level", "loud"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ending ending = run(
            WORDS((char *)(uintptr_t)bad[i].option, (char *)(uintptr_t)bad[i].value));
        char start[128];
        snprintf(start, sizeof start, "fanfold-sink: %s: '%s': expected ",
                 bad[i].option, bad[i].value);
        cr_expect_eq(ending.status, 2);
        cr_expect_eq(strncmp(ending.err, start, strlen(start)), 0, "%s", ending.err);
    }
}

Test(options, unknown_option_is_a_usage_error_by_the_programs_name)
{
    struct ending ending = run(WORDS("--no-such"));
    cr_assert_eq(ending.status, 2);
    cr_assert_eq(strncmp(ending.err, "fanfold-sink: ", 14), 0, "%s", ending.err);
    cr_assert_not_null(strstr(ending.err, "--no-such"), "%s", ending.err);
    ending = run(WORDS("--name"));
    cr_assert_eq(ending.status, 2);
    cr_assert_not_null(strstr(ending.err, "--name"), "%s", ending.err);
}

Test(options, version_and_help_go_to_stdout_with_status_0)
{
    struct ending ending = run(WORDS("--version"));
    cr_assert_eq(ending.status, 0);
    cr_assert_str_eq(ending.out, "fanfold-sink " FANFOLD_VERSION "\n");
    cr_assert_str_empty(ending.err);
    ending = run(WORDS("--help"));
    cr_assert_eq(ending.status, 0);
    cr_assert_not_null(strstr(ending.out, "--window=CHUNKS"), "%s", ending.out);
    cr_assert_not_null(strstr(ending.out, "--tasks=ENDPOINT"), "%s", ending.out);
    cr_assert_str_empty(ending.err);
}
