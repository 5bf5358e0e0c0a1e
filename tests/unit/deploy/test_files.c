/* SPDX-License-Identifier: MIT */
#include "common/exit_status.h"
#include "common/log.h"
#include "deploy/local/files.h"
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Tests run in a directory of their own, in which `in`, `out` and a FIFO lie. */
static char directory[] = "/tmp/fanfold-files-XXXXXX";

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

TestSuite(files, .init = enter, .fini = leave);

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
    int status = files_check(&arguments);

    arguments_deinit(&arguments);
    return status;
}

Test(files, lets_a_run_go_on_into_a_file_that_is_there_or_not)
{
    cr_assert_eq(check("-i in -o out --resume"), 0);
    cr_assert_eq(check("-i in -o new --resume"), 0);
    cr_assert_eq(access("new", F_OK), -1, "looking makes no file");
}

Test(files, refuses_to_go_on_where_there_can_be_no_journal)
{
    cr_assert_eq(check("-i in --resume"), 2);
    cr_assert_eq(check("-i in -o - --resume"), 2);
    cr_assert_eq(check("-i in -o fifo --resume"), 2);
    cr_assert_eq(check("-i in -o /dev/null --resume"), 2);
    cr_assert_eq(check("-i in -o out --unordered --resume"), 2);
}

Test(files, says_once_why_it_refuses)
{
    check("-i in -o fifo --resume --unordered");
    fflush(stderr);
    cr_assert_stderr_eq_str("fanfold: --resume and --unordered exclude each other: "
                            "only an output in order has a journal\n");
}

Test(files, takes_all_of_these_without_resume)
{
    cr_assert_eq(check("-i in"), 0);
    cr_assert_eq(check("-i in -o fifo"), 0);
    cr_assert_eq(check("-i in -o /dev/null"), 0);
    cr_assert_eq(check("-i in -o out --unordered"), 0);
}

Test(files, refuses_an_output_that_is_the_input)
{
    cr_assert_eq(link("in", "out.fanfold"), 0);
    cr_assert_eq(check("-i in -o in"), 2);
    cr_assert_eq(check("-a in -o out.fanfold"), 2);
    cr_assert_eq(check("-i in -o in --resume"), 2);
}

Test(files, refuses_a_log_that_is_the_output)
{
    cr_assert_eq(check("-i in -o out --joblog out"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o out --joblog=+./out"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o new --joblog new"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o out --joblog log"), 0);
    cr_assert_eq(check("-i in -o /dev/null --joblog /dev/null"), 0);
    cr_assert_eq(check("-i in --joblog out"), 0);
}

Test(files, refuses_a_log_that_would_be_the_output_by_another_name)
{
    cr_assert_eq(symlink("new", "link"), 0);
    cr_assert_eq(check("-i in -o new --joblog ./new"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o new --joblog link"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o link --joblog +new"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o new --joblog ./other"), 0);
    cr_assert_eq(check("-i in -o none/new --joblog none/log"), 0, "others say that");
}

Test(files, refuses_a_log_that_is_the_journal)
{
    cr_assert_eq(check("-i in -o out --joblog out.fanfold"), STATUS_USAGE);
    touch("out.fanfold");
    cr_assert_eq(check("-i in -o out --joblog ./out.fanfold"), STATUS_USAGE);
    cr_assert_eq(check("-i in -o out --joblog log.fanfold"), 0);
}

Test(files, finds_the_journal_that_is_there)
{
    struct arguments arguments = parsed("-i in -o out");

    cr_assert_null(files_journal(&arguments));
    touch("out.fanfold");
    char *journal = files_journal(&arguments);
    cr_assert_str_eq(journal, "out.fanfold");
    free(journal);
    arguments_deinit(&arguments);

    arguments = parsed("-i in");
    cr_assert_null(files_journal(&arguments));
    arguments_deinit(&arguments);
}

Test(files, refuses_an_output_that_is_one_of_several_inputs)
{
    cr_expect_eq(check("-i fifo -i out -i in -o out --"), STATUS_USAGE);
    cr_expect_eq(check("-i fifo -a in -i - -o out --"), 0);
}
