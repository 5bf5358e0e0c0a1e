/* SPDX-License-Identifier: MIT */
#include "sink/again.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct again letters_in(const char *directory, const char *format)
{
    struct again again = {.directory = directory};
    cr_assert(record_format_parse(slice_of_text(format), &again.format), "%s", format);
    return again;
}

static void expect(const struct again *again, const char *expected)
{
    char *command = again_command(again);
    cr_expect_str_eq(command, expected);
    free(command);
}

Test(again, has_no_options_where_the_run_had_none)
{
    struct again again = letters_in("out.dead-letters", "");
    expect(&again, "cat out.dead-letters/*.input | fanfold ... -- COMMAND");
    again.elsewhere = true;
    expect(&again, "cat out.dead-letters/*.input | fanfold --dead-letters DIR ... "
                   "-- COMMAND");
}

Test(again, has_the_options_that_say_what_a_record_is)
{
    static const struct {
        const char *format, *options;
    } cases[] = {
        {"lines=1 end=0a", ""},
        {"lines=4 end=0a", " -L 4"},
        {"lines=1 end=00", " -0"},
        {"lines=2 end=0d0a", " --recend '\\x0d\\n' -L 2"},
        {"csv", " --format csv"},
        {"fasta", " --format fasta"},
        {"fastq", " --format fastq"},
        {"frames", " --format frames"},
        {"fixed=100", " --fixed 100"},
        {"start=3e", " --recstart '>'"},
        {"start=275c end=0a", " --recstart ''\\''\\\\' --recend '\\n'"},
        {"start=c3a900", " --recstart '\\xc3\\xa9\\x00'"},
        {"regexp start=5e5c642b", " --regexp --recstart '^\\d+'"},
        {"regexp end=5c0a5c5c0a", " --regexp --recend '\\n\\\\\\n'"},
        {"regexp end=5cff", " --regexp --recend '\\xff'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[200];
        struct again again = letters_in("d", cases[i].format);
        snprintf(expected, sizeof expected, "cat d/*.input | fanfold%s ... -- COMMAND",
                 cases[i].options);
        expect(&again, expected);
    }
}

Test(again, begins_with_the_header_and_says_that_results_have_one)
{
    struct again again = letters_in("d", "csv");
    again.header_lines = 2;
    again.header_out = 1;
    expect(&again, "cat d/header d/*.input | fanfold --header 2 --header-out 1 "
                   "--format csv ... -- COMMAND");
}

Test(again, gives_what_is_one_record_a_run_of_its_own)
{
    struct again again = letters_in("d", "whole");
    expect(&again, "for letter in d/*.input; do cat \"$letter\" | fanfold --format "
                   "whole ... -- COMMAND; done");
}

Test(again, quotes_a_directory_for_the_shell)
{
    struct again again = letters_in("it's here", "");
    expect(&again, "cat 'it'\\''s here'/*.input | fanfold ... -- COMMAND");
}

Test(again, has_no_directory_that_is_taken_for_an_option)
{
    struct again again = letters_in("-out.dead-letters", "");
    expect(&again, "cat ./-out.dead-letters/*.input | fanfold ... -- COMMAND");
}
