/* SPDX-License-Identifier: MIT */
#include "deploy/local/arguments.h"
#include "deploy/local/rerun_words.h"
#include "deploy/local/role_words.h"

#include "common/options.h"
#include "common/options/table.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct run_words run = {
    .tasks = "ipc:///d/tasks", .results = "ipc:///d/results", .alive_fd = 9};

/* The command line that `line` makes for the role, its words parted by blanks. */
static const char *words_of(const char *line, enum role role, bool progress)
{
    static char result[4096];
    static char copy[4096];
    char *argv[64];
    int argc = 0;
    struct arguments arguments;
    struct run_words here = run;

    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    here.progress = progress;
    cr_assert_eq(arguments_parse(&arguments, argc, argv), 0);
    char **words = role_words(&arguments, role, &here);
    result[0] = '\0';
    for (char **word = words; *word; word++)
        if (strncmp(*word, "--command-hash=", strlen("--command-hash=")) != 0)
            strcat(strcat(result, word == words ? "" : " "), *word);
    role_words_free(&words);
    cr_assert_null(words);
    arguments_deinit(&arguments);
    return result;
}

static int status_of(const char *first, const char *second, const char *third)
{
    char *argv[] = {(char *)"fanfold", (char *)first, (char *)second, (char *)third,
                    NULL};
    struct arguments arguments;
    int argc = 0;

    while (argv[argc])
        argc++;
    int status = arguments_parse(&arguments, argc, argv);
    arguments_deinit(&arguments);
    return status;
}

Test(arguments, gives_each_role_its_options)
{
    const char *line = "fanfold -i in --block 64K -j4 -o out --liveness 3 --unordered "
                       "-0 -N 7 -- tr a-z A-Z";

    cr_assert_str_eq(
        words_of(line, ROLE_VENTILATOR, false),
        "fanfold-ventilator --tasks=ipc:///d/tasks --supervised --input=in --block=64K "
        "--liveness=3 --null --max-replace-args=7");
    cr_assert_str_eq(
        words_of(line, ROLE_SINK, false),
        "fanfold-sink --tasks=ipc:///d/tasks --results=ipc:///d/results --supervised "
        "--no-dead-letters --output=out --liveness=3 --unordered");
    cr_assert_str_eq(
        words_of(line, ROLE_WORKER, false),
        "fanfold-worker --tasks=ipc:///d/tasks --supervised --jobs=4 --liveness=3 "
        "--alive-fd=9 -- tr a-z A-Z");
}

Test(arguments, passes_gnu_parallels_names_on_as_the_roles_own)
{
    const char *line =
        "fanfold --pipe-part --spreadstdin -r --group -a in -P 3 "
        "--block-size 2M --no-keep-order --eta --header-out 1 --bt 2 --wd d cat";

    cr_assert_str_eq(
        words_of(line, ROLE_VENTILATOR, true),
        "fanfold-ventilator --tasks=ipc:///d/tasks --supervised --arg-file=in "
        "--block=2M --progress --header-out=1 --block-timeout=2");
    cr_assert_str_eq(
        words_of(line, ROLE_SINK, false),
        "fanfold-sink --tasks=ipc:///d/tasks --results=ipc:///d/results --supervised "
        "--no-dead-letters --unordered");
    cr_assert_str_eq(words_of(line, ROLE_WORKER, false),
                     "fanfold-worker --tasks=ipc:///d/tasks --supervised --jobs=3 "
                     "--workdir=d --alive-fd=9 -- cat");
}

static bool blocks_are_auto(const char *line)
{
    return strstr(words_of(line, ROLE_VENTILATOR, false), "--block=auto") != NULL;
}

Test(arguments, lets_the_run_size_chunks_that_the_program_does_not_see)
{
    cr_assert(blocks_are_auto("fanfold --mode lines -- sed -u s/a/b/"));
    cr_assert(blocks_are_auto("fanfold --mode frames --mode lines -- sed -u s/a/b/"));
    cr_assert_not(blocks_are_auto("fanfold --mode frames -- ./serve"));
    cr_assert_not(blocks_are_auto("fanfold -- sed s/a/b/"));
    cr_assert_not(blocks_are_auto("fanfold --mode lines --block 1M -- sed -u s/a/b/"));
    cr_assert_not(blocks_are_auto("fanfold --mode lines -N 10 -- sed -u s/a/b/"));
    cr_assert_not(
        blocks_are_auto("fanfold --mode lines --whole-files -i a -- sed -u s/a/b/"));
}

Test(arguments, gives_each_role_its_options_of_failure_and_resume)
{
    const char *line = "fanfold -o out --resume --on-error skip --timeout 200% --halt "
                       "soon,fail=10% --speculate --retries 5 --dead-letters dead cat";

    cr_assert_str_eq(
        words_of(line, ROLE_VENTILATOR, false),
        "fanfold-ventilator --tasks=ipc:///d/tasks --supervised --resume "
        "--on-error=skip --timeout=200% --halt=soon,fail=10% --speculate --retries=5");
    cr_assert_str_eq(words_of(line, ROLE_SINK, false),
                     "fanfold-sink --tasks=ipc:///d/tasks --results=ipc:///d/results "
                     "--supervised --output=out --resume --dead-letters=dead");
    cr_assert_str_eq(
        words_of(line, ROLE_WORKER, false),
        "fanfold-worker --tasks=ipc:///d/tasks --supervised --alive-fd=9 -- cat");
}

Test(arguments, isolates_bad_records_if_the_last_on_error_says_so)
{
    const char *const lines[] = {"--on-error=isolate", "--on-error=skip", "-j4"};

    for (size_t last = 0; last < 3; last++) {
        char *argv[] = {(char *)"fanfold", (char *)"--on-error=isolate",
                        (char *)lines[last], (char *)"cat", NULL};
        struct arguments arguments;
        cr_assert_eq(arguments_parse(&arguments, 4, argv), 0);
        cr_assert_eq(arguments_isolate(&arguments), last != 1);
        cr_assert(arguments_has(&arguments, "on-error"));
        cr_assert_not(arguments_has(&arguments, "resume"));
        arguments_deinit(&arguments);
    }
}

Test(arguments, tells_worker_and_sink_that_they_share_the_line_of_progress)
{
    cr_assert_str_eq(words_of("fanfold cat", ROLE_SINK, true),
                     "fanfold-sink --tasks=ipc:///d/tasks --results=ipc:///d/results "
                     "--supervised --no-dead-letters --shared-line");
    cr_assert_str_eq(words_of("fanfold cat", ROLE_WORKER, true),
                     "fanfold-worker --tasks=ipc:///d/tasks --supervised --shared-line "
                     "--alive-fd=9 -- cat");
}

Test(arguments, keeps_the_order_of_options_so_that_the_last_one_counts)
{
    cr_assert_str_eq(
        words_of("fanfold --block 1 --block=2 cat", ROLE_VENTILATOR, false),
        "fanfold-ventilator --tasks=ipc:///d/tasks --supervised --block=1 --block=2");
}

Test(arguments, ends_at_the_first_word_that_is_no_option)
{
    cr_assert_str_eq(
        words_of("fanfold cat -j 4", ROLE_WORKER, false),
        "fanfold-worker --tasks=ipc:///d/tasks --supervised --alive-fd=9 -- cat -j 4");
}

Test(arguments, passes_a_plugin_and_its_arguments)
{
    cr_assert_str_eq(
        words_of("fanfold --plugin p.so -- -x y", ROLE_WORKER, false),
        "fanfold-worker --tasks=ipc:///d/tasks --supervised --plugin=p.so --alive-fd=9 "
        "-- -x y");
    cr_assert_str_eq(
        words_of("fanfold --plugin p.so", ROLE_WORKER, false),
        "fanfold-worker --tasks=ipc:///d/tasks --supervised --plugin=p.so --alive-fd=9 "
        "--");
}

Test(arguments, ignores_options_that_only_gnu_parallel_needs)
{
    cr_assert_str_eq(
        words_of("fanfold --pipe -k --keep-order cat", ROLE_WORKER, false),
        "fanfold-worker --tasks=ipc:///d/tasks --supervised --alive-fd=9 -- cat");
}

Test(arguments, takes_several_short_options_in_one_word)
{
    cr_assert_str_eq(
        words_of("fanfold -0k0k0k0 cat", ROLE_VENTILATOR, false),
        "fanfold-ventilator --tasks=ipc:///d/tasks --supervised --null --null --null "
        "--null");
}

Test(arguments, shows_progress_if_the_run_does_unless_an_option_says_otherwise)
{
    cr_assert_str_eq(
        words_of("fanfold cat", ROLE_VENTILATOR, true),
        "fanfold-ventilator --tasks=ipc:///d/tasks --supervised --progress");
    cr_assert_str_eq(
        words_of("fanfold --no-progress cat", ROLE_VENTILATOR, true),
        "fanfold-ventilator --tasks=ipc:///d/tasks --supervised --no-progress");
}

Test(arguments, lets_the_roles_meet_in_private_where_other_hosts_may_join)
{
    const char *line = "fanfold --insecure --tasks tcp://*:5557 --results "
                       "tcp://10.0.0.1:5558 cat";

    cr_assert_str_eq(words_of(line, ROLE_VENTILATOR, false),
                     "fanfold-ventilator --tasks=ipc:///d/tasks "
                     "--public-tasks=tcp://*:5557 --supervised --insecure");
    cr_assert_str_eq(
        words_of(line, ROLE_SINK, false),
        "fanfold-sink --tasks=ipc:///d/tasks --results=ipc:///d/results "
        "--public-results=tcp://10.0.0.1:5558 --supervised --no-dead-letters "
        "--insecure");
    cr_assert_str_eq(words_of(line, ROLE_WORKER, false),
                     "fanfold-worker --tasks=ipc:///d/tasks --supervised --insecure "
                     "--alive-fd=9 -- cat");
}

Test(arguments, needs_a_command, .init = cr_redirect_stderr)
{
    cr_assert_eq(status_of(NULL, NULL, NULL), 2);
    cr_assert_eq(status_of("-j4", NULL, NULL), 2);
    cr_assert_eq(status_of("-j4", "--", NULL), 2);
    cr_assert_eq(status_of("--", "cat", NULL), 0);
}

Test(arguments, refuses_what_is_no_endpoint_and_keys_beside_insecure,
     .init = cr_redirect_stderr)
{
    cr_assert_eq(status_of("--tasks=tcp://h:1", "cat", NULL), 0);
    cr_assert_eq(status_of("--tasks=ipc:///there", "cat", NULL), 0);
    cr_assert_eq(status_of("--tasks=gopher://h:1", "cat", NULL), 2);
    cr_assert_eq(status_of("--insecure", "--keys=there", "cat"), 2);
}

Test(arguments, takes_results_beside_tasks_that_other_hosts_reach)
{
    static const char *const cases[][2] = {
        {"tcp://*:7000", "tcp://*:*"},
        {"tcp://head", "tcp://head:*"},
        {"tcp://[::1]:7000", "tcp://[::1]:*"},
        {"tcp://10.0.0.1:*", "tcp://10.0.0.1:*"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[200], expected[200];
        snprintf(line, sizeof line, "fanfold --tasks %s cat", cases[i][0]);
        snprintf(expected, sizeof expected, "--public-results=%s ", cases[i][1]);
        cr_assert_not_null(strstr(words_of(line, ROLE_SINK, false), expected), "%s",
                           words_of(line, ROLE_SINK, false));
    }
}

Test(arguments, gives_the_keys_of_the_run_to_those_who_bind)
{
    struct run_words keyed = run;
    struct arguments arguments;
    char program[] = "fanfold", tasks[] = "--tasks=tcp://*:1", cat[] = "cat";
    char *argv[] = {program, tasks, cat, NULL};
    keyed.keys = "/d";
    cr_assert_eq(arguments_parse(&arguments, 3, argv), 0);
    for (int i = 0; i < ROLE_COUNT; i++) {
        char **words = role_words(&arguments, (enum role)i, &keyed);
        bool found = false;
        for (char **word = words; *word; word++)
            found |= strcmp(*word, "--keys=/d") == 0;
        cr_assert_eq(found, i != ROLE_WORKER);
        role_words_free(&words);
    }
    arguments_deinit(&arguments);
}

Test(arguments, refuses_a_value_that_three_roles_would_refuse,
     .init = cr_redirect_stderr, .exit_code = 2)
{
    status_of("--liveness=x", "cat", NULL);
}

static bool has_option(const struct argp_option *options, const char *name)
{
    for (; options->name || options->doc; options++)
        if (options->name && strcmp(options->name, name) == 0)
            return true;
    return false;
}

static const char *value_for(const char *name)
{
    if (strcmp(name, "log-level") == 0)
        return "=warn";
    return strcmp(name, "tasks") == 0 || strcmp(name, "results") == 0 ? "=ipc:///d/x"
                                                                      : "=7";
}

/* The launcher keeps these for the workers that Slurm starts. */
static bool is_for_slurm(int key)
{
    return key == KEY_SLURM || key == KEY_SLURM_OPTIONS || key == KEY_DRAIN_BEFORE ||
           key == KEY_ON_LOST || key == KEY_IDLE_RELEASE;
}

Test(arguments, refuses_what_does_not_go_with_slurm, .init = cr_redirect_stderr)
{
    cr_assert_eq(status_of("--slurm=3", "cat", NULL), 0);
    cr_assert_eq(status_of("--slurm=3", "--drain-before=60", "cat"), 0);
    cr_assert_eq(status_of("--drain-before=60", "cat", NULL), 2);
    cr_assert_eq(status_of("--on-lost=stop", "cat", NULL), 2);
    cr_assert_eq(status_of("--slurm-options=-n1", "cat", NULL), 2);
    cr_assert_eq(status_of("--slurm=0..3", "--idle-release=5m", "cat"), 0);
    cr_assert_eq(status_of("--slurm=3..3", "cat", NULL), 0);
    cr_assert_eq(status_of("--slurm=3", "--idle-release=60", "cat"), 2);
    cr_assert_eq(status_of("--idle-release=60", "cat", NULL), 2);
    cr_assert_eq(status_of("--slurm=3", "-j2", "cat"), 2);
    cr_assert_eq(status_of("--slurm=3", "--tasks=ipc:///d/x", "cat"), 2);
}

/* An error of usage ends the program. */
#define REFUSES(name, word)                                                     \
    Test(arguments, refuses_##name, .init = cr_redirect_stderr, .exit_code = 2) \
    {                                                                           \
        status_of(word, "cat", NULL);                                           \
    }
REFUSES(slurm_of_nobody, "--slurm=0")
REFUSES(slurm_of_nobody_at_most, "--slurm=0..0")
REFUSES(slurm_from_many_to_few, "--slurm=3..2")
REFUSES(slurm_without_the_least, "--slurm=..3")
REFUSES(slurm_without_the_most, "--slurm=3..")
REFUSES(slurm_of_three_dots, "--slurm=1...3")
REFUSES(slurm_of_what_is_no_number, "--slurm=a..3")
REFUSES(slurm_that_releases_soon, "--idle-release=soon")

/* What an option that means nothing alone needs beside it. */
static const char *beside(int key)
{
    switch (key) {
    case KEY_HWM: /* is for messages alone */
        return " -o push:ipc:///d/out";
    case KEY_MIN_WORKERS: /* of one host there is one */
        return " --tasks ipc:///d/x";
    case KEY_PORT_RANGE:
    case KEY_INTERFACE:
        return " --tasks tcp://*:*";
    case KEY_SSH:
    case KEY_REMOTE_BIN:
    case KEY_COPY_SELF:
    case KEY_TRANSFER_FILE:
    case KEY_TUNNEL:
        return " -S a";
    default:
        return "";
    }
}

/* All but the endpoints, which the launcher gives to the roles in any case. */
Test(arguments, passes_each_option_on_to_all_roles_that_have_it)
{
    static const struct argp_option launcher[] = {LAUNCHER_OPTIONS},
                                    ventilator[] = {VENTILATOR_OPTIONS},
                                    worker[] = {WORKER_OPTIONS},
                                    sink[] = {SINK_OPTIONS};
    static const struct argp_option *const roles[ROLE_COUNT] = {
        [ROLE_VENTILATOR] = ventilator, [ROLE_WORKER] = worker, [ROLE_SINK] = sink};
    size_t passed = 0;

    for (const struct argp_option *option = launcher; option->name || option->doc;
         option++) {
        if (!option->name || option->flags & OPTION_ALIAS || option->key == KEY_TASKS ||
            option->key == KEY_RESULTS || is_for_slurm(option->key))
            continue;
        char line[128], word[128];
        const char *value = option->arg ? value_for(option->name) : "";
        snprintf(line, sizeof line, "fanfold --%s%s%s -- cat", option->name, value,
                 beside(option->key));
        snprintf(word, sizeof word, " --%s%s", option->name, value);
        for (int role = 0; role < ROLE_COUNT; role++) {
            bool has = has_option(roles[role], option->name);
            passed += has;
            cr_expect_eq(strstr(words_of(line, role, false), word) != NULL, has,
                         "%s %s", role_programs[role], word);
        }
    }
    cr_expect_gt(passed, 50);
}

static void expect_rerun(const char *line, const char *expected)
{
    char copy[256];
    char *argv[32];
    int argc = 0;
    struct arguments arguments;
    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    cr_assert_eq(arguments_parse(&arguments, argc, argv), 0);
    char *words = rerun_words(&arguments);
    if (expected)
        cr_expect_str_eq(words, expected);
    else
        cr_expect_null(words);
    free(words);
    arguments_deinit(&arguments);
}

Test(arguments, of_which_a_rerun_takes_what_says_how_chunks_are_run)
{
    expect_rerun("fanfold -i in -o out -j4 --on-error isolate --shell -- tr A B|cat -n",
                 "--jobs=4 --on-error=isolate --shell -- tr A 'B|cat' -n");
    expect_rerun("fanfold -a in --header : --format csv --joblog log --resume --quiet "
                 "--insecure --tasks tcp://*:1 --results tcp://*:2 --mode lines cat",
                 "--mode=lines -- cat");
    expect_rerun("fanfold --plugin it's.so -N 7", "'--plugin=it'\\''s.so' "
                                                  "--max-replace-args=7 --");
    expect_rerun("fanfold -- echo \xff", NULL);
}

Test(arguments, tell_the_sink_how_its_dead_letters_are_run_again)
{
    struct arguments arguments;
    char *argv[] = {(char *)"fanfold", (char *)"--on-error=skip", (char *)"cat", NULL};
    cr_assert_eq(arguments_parse(&arguments, 3, argv), 0);
    struct run_words here = run;
    here.rerun = "-- cat";
    char **words = role_words(&arguments, ROLE_SINK, &here);
    bool found = false;
    for (char **word = words; *word; word++)
        found |= strcmp(*word, "--rerun=-- cat") == 0;
    cr_expect(found);
    role_words_free(&words);
    arguments_deinit(&arguments);
}

/* Of the options of input and output, what dead letters have too. */
static bool is_for_files_too(const char *name)
{
    static const char *const names[] = {"unordered", "tmpdir", "max-result"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

Test(arguments, a_rerun_reads_dead_letters_which_no_other_host_sees)
{
    static const struct option_row rows[] = {
        {1, 1, "by-reference", 1u << ROLE_VENTILATOR},
        {2, 2, "root", 1u << ROLE_VENTILATOR | 1u << ROLE_WORKER}};
    struct passed passed[] = {{&rows[0], NULL}, {&rows[1], "/data"}};
    struct arguments arguments = {
        .passed = passed, .count = 2, .command = (char *[]){(char *)"cat", NULL}};
    char *words = rerun_words(&arguments);
    cr_expect_str_eq(words, "-- cat");
    free(words);
}

Test(arguments, a_rerun_has_no_option_of_input_or_output_that_only_messages_have)
{
    static const struct argp_option options[] = {LAUNCHER_OPTIONS};
    const char *group = "";
    int tried = 0;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const struct argp_option *option = &options[i];
        char line[128];
        group = option->name ? group : option->doc;
        if (!option->name || option->flags & (OPTION_ALIAS | OPTION_HIDDEN) ||
            (strcmp(group, "Input:") != 0 && strcmp(group, "Output:") != 0))
            continue;
        struct option_row row = {option->key, option->key, option->name,
                                 1u << ROLE_SINK};
        struct passed passed = {&row, option->arg ? "1" : NULL};
        struct arguments arguments = {
            .passed = &passed, .count = 1, .command = (char *[]){(char *)"cat", NULL}};
        char *words = rerun_words(&arguments);
        snprintf(line, sizeof line, "--%s%s -- cat", option->name,
                 option->arg ? "=1" : "");
        cr_expect_str_eq(words, is_for_files_too(option->name) ? line : "-- cat");
        free(words);
        tried++;
    }
    cr_assert_gt(tried, 20);
}
