/* SPDX-License-Identifier: MIT */
#include "common/records/record_format_text.h"
#include "sink/dead_letters/rerun_command.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rerun_command dead_letters_in(const char *directory, const char *format)
{
    struct rerun_command again = {.directory = directory};
    cr_assert(record_format_parse(slice_of_text(format), &again.format), "%s", format);
    return again;
}

static void expect(const struct rerun_command *again, const char *expected)
{
    char *command = rerun_command(again);
    cr_expect_str_eq(command, expected);
    free(command);
}

Test(rerun_command, has_no_options_where_the_run_had_none)
{
    struct rerun_command again = dead_letters_in("out.dead-letters", "");
    expect(&again, "fanfold -i out.dead-letters ... -- COMMAND");
    again.elsewhere = true;
    expect(&again, "fanfold -i out.dead-letters --dead-letters DIR ... -- COMMAND");
}

Test(rerun_command, has_the_options_that_say_what_a_record_is)
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
        {"whole", " --format whole"},
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
        struct rerun_command again = dead_letters_in("d", cases[i].format);
        snprintf(expected, sizeof expected, "fanfold -i d%s ... -- COMMAND",
                 cases[i].options);
        expect(&again, expected);
    }
}

Test(rerun_command, begins_with_the_header_and_says_that_results_have_one)
{
    struct rerun_command again = dead_letters_in("d", "csv");
    again.header_lines = 2;
    again.header_out = 1;
    expect(&again,
           "fanfold -i d --header 2 --header-out 1 --format csv ... -- COMMAND");
}

Test(rerun_command, quotes_a_directory_for_the_shell)
{
    struct rerun_command again = dead_letters_in("it's here", "");
    expect(&again, "fanfold -i 'it'\\''s here' ... -- COMMAND");
}

Test(rerun_command, has_no_directory_that_is_taken_for_an_option)
{
    struct rerun_command again = dead_letters_in("-out.dead-letters", "");
    expect(&again, "fanfold -i ./-out.dead-letters ... -- COMMAND");
}

Test(rerun_command, has_the_runs_own_options_and_command_where_they_are_known)
{
    struct rerun_command again = dead_letters_in("d", "csv");
    again.words = "--jobs=4 -- tr 'a b' c";
    expect(&again, "fanfold -i d --format csv --jobs=4 -- tr 'a b' c");
    again.elsewhere = true;
    expect(&again, "fanfold -i d --format csv --dead-letters d.again --jobs=4 -- tr "
                   "'a b' c");
}
