/* SPDX-License-Identifier: MIT */
#include "common/exit_status.h"
#include "common/log.h"
#include "deploy/local/preflight.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each test runs in a directory of its own, with the files `in`, `out` and a FIFO. */
static char directory[] = "/tmp/fanfold-preflight-XXXXXX";

static void touch(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    close(fd);
}

static void enter(void)
{
    cr_assert(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
    touch("in");
    touch("out");
    cr_assert_eq(mkfifo("fifo", 0600), 0);
    cr_redirect_stderr();
    log_init("fanfold", LOG_LEVEL_WARN);
}

static void leave(void)
{
    static const char *const names[] = {"in", "out", "fifo", "out.fanfold", "link"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(names[i]);
    rmdir(directory);
}

TestSuite(preflight, .init = enter, .fini = leave);

static struct arguments parsed(const char *options)
{
    static char copy[256];
    static char *argv[16];
    struct arguments arguments;
    int argc = 0;

    snprintf(copy, sizeof copy, "fanfold %s cat", options);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    cr_assert_eq(arguments_parse(&arguments, argc, argv), 0);
    return arguments;
}

static int check(const char *options)
{
    struct arguments arguments = parsed(options);
    int status = preflight_check(&arguments);

    arguments_deinit(&arguments);
    return status;
}

Test(preflight, lets_a_run_resume_whether_its_output_exists_or_not)
{
    cr_assert_eq(check("-i in -o out --resume"), 0);
    cr_assert_eq(check("-i in -o new --resume"), 0);
    cr_assert_eq(access("new", F_OK), -1, "looking makes no file");
}

Test(preflight, refuses_to_resume_without_a_possible_journal)
{
    cr_assert_eq(check("-i in --resume"), 2);
    cr_assert_eq(check("-i in -o - --resume"), 2);
    cr_assert_eq(check("-i in -o fifo --resume"), 2);
    cr_assert_eq(check("-i in -o /dev/null --resume"), 2);
    cr_assert_eq(check("-i in -o out --unordered --resume"), 2);
}

Test(preflight, says_once_why_it_refuses)
{
    check("-i in -o fifo --resume --unordered");
    fflush(stderr);
    cr_assert_stderr_eq_str("fanfold: --resume and --unordered exclude each other: "
                            "only an output in order has a journal\n");
}

Test(preflight, takes_all_of_these_without_resume)
{
    cr_assert_eq(check("-i in"), 0);
    cr_assert_eq(check("-i in -o fifo"), 0);
    cr_assert_eq(check("-i in -o /dev/null"), 0);
    cr_assert_eq(check("-i in -o out --unordered"), 0);
}

Test(preflight, refuses_an_output_that_is_the_input)
{
    cr_assert_eq(link("in", "out.fanfold"), 0);
    cr_assert_eq(check("-i in -o in"), 2);
    cr_assert_eq(check("-a in -o out.fanfold"), 2);
    cr_assert_eq(check("-i in -o in --resume"), 2);
}

Test(preflight, refuses_a_log_that_is_the_output)
{
    cr_assert_eq(check("-i in -o out --joblog out"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o out --joblog=+./out"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o new --joblog new"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o out --joblog log"), 0);
    cr_assert_eq(check("-i in -o /dev/null --joblog /dev/null"), 0);
    cr_assert_eq(check("-i in --joblog out"), 0);
}

Test(preflight, refuses_a_log_that_would_be_the_output_by_another_name)
{
    cr_assert_eq(symlink("new", "link"), 0);
    cr_assert_eq(check("-i in -o new --joblog ./new"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o new --joblog link"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o link --joblog +new"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o new --joblog ./other"), 0);
    cr_assert_eq(check("-i in -o none/new --joblog none/log"), 0, "others say that");
}

Test(preflight, refuses_a_log_that_is_the_journal)
{
    cr_assert_eq(check("-i in -o out --joblog out.fanfold"), STATUS_USAGE);
    touch("out.fanfold");
    cr_assert_eq(check("-i in -o out --joblog ./out.fanfold"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o out --joblog log.fanfold"), 0);
}

Test(preflight, finds_an_existing_journal)
{
    struct arguments arguments = parsed("-i in -o out");

    cr_assert_null(preflight_journal(&arguments));
    touch("out.fanfold");
    char *journal = preflight_journal(&arguments);
    cr_assert_str_eq(journal, "out.fanfold");
    free(journal);
    arguments_deinit(&arguments);

    arguments = parsed("-i in");
    cr_assert_null(preflight_journal(&arguments));
    arguments_deinit(&arguments);
}

Test(preflight, refuses_an_output_that_is_one_of_several_inputs)
{
    cr_expect_eq(check("-i fifo -i out -i in -o out --"), STATUS_USAGE);
    cr_expect_eq(check("-i fifo -a in -i - -o out --"), 0);
}

/* What a run makes beside -o out, against every option that names a file. */
Test(preflight, refuses_names_that_the_run_makes_itself)
{
    static const char *const made[] = {"out", "out.fanfold", "out.fanfold.tmp",
                                       "out.dead-letters", "./out.fanfold.tmp"};
    static const char *const options[] = {
        "-i %s -o out",
        "-i in -i %s -o out",
        "-a %s -o out",
        "-i in --joblog %s -o out",
        "-i in --joblog +%s -o out",
        "-i in --plugin %s -o out",
    };
    char line[200];
    for (int there = 0; there < 2; there++)
        for (size_t i = 0; i < sizeof made / sizeof *made; i++)
            for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
                snprintf(line, sizeof line, options[k], made[i]);
                if (there && i > 0)
                    touch(made[i]);
                cr_expect_eq(check(line), STATUS_USAGE, "%s", line);
                if (there && i > 0)
                    unlink(made[i]);
            }
}

Test(preflight, refuses_a_log_in_place_of_the_dead_letters)
{
    cr_assert_eq(check("-i in -o out --dead-letters dead --joblog ./dead"),
                 STATUS_USAGE);
    cr_assert_eq(check("-i in -o out --dead-letters dead --joblog log"), 0);
}

Test(preflight, lets_other_names_be)
{
    cr_assert_eq(check("-i out.fanfold.tmp"), 0, "without -o there is no journal");
    cr_assert_eq(check("-i out.fanfold.txt -o out --joblog out.log"), 0);
    cr_assert_eq(check("-i in -o fifo --joblog fifo.log"), 0);
}
