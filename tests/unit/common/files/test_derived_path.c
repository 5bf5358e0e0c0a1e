/* SPDX-License-Identifier: MIT */
#include "common/files/derived_path.h"
#include "common/memory.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *name_in(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void expect(char *path, const char *expected)
{
    cr_assert_str_eq(path, expected);
    free(path);
}

Test(derived_path, is_the_output_with_an_ending)
{
    expect(journal_path("out"), "out.fanfold");
    expect(journal_temporary_path("a/out"), "a/out.fanfold.tmp");
    expect(dead_letters_path("/a.b/out.txt"), "/a.b/out.txt.dead-letters");
}

/* The name of the output: `length` bytes, of which the last is `last`. */
static char *output_of(size_t length, char last)
{
    char *output = allocate_text("some/where/%0*d", (int)length, 0);
    output[strlen(output) - 1] = last;
    return output;
}

Test(derived_path, fits_where_the_output_fits)
{
    for (size_t length = 1; length <= NAME_MAX; length++) {
        char *output = output_of(length, 'x');
        char *paths[] = {journal_path(output), journal_temporary_path(output),
                         dead_letters_path(output)};
        for (int i = 0; i < 3; i++) {
            cr_assert_leq(strlen(name_in(paths[i])), NAME_MAX, "%zu", length);
            cr_assert_eq(strncmp(paths[i], "some/where/0", length > 1 ? 12 : 11), 0);
            free(paths[i]);
        }
        free(output);
    }
}

/* The process that commits adds the ending itself. */
Test(derived_path, of_the_temporary_file_is_the_journals_with_an_ending)
{
    for (size_t length = 1; length <= NAME_MAX; length++) {
        char *output = output_of(length, 'x');
        char *journal = journal_path(output);
        char *temporary = allocate_text("%s.tmp", journal);
        expect(journal_temporary_path(output), temporary);
        free(temporary);
        free(journal);
        free(output);
    }
}

Test(derived_path, of_two_outputs_differ)
{
    for (size_t length = 200; length <= NAME_MAX; length++) {
        char *one = output_of(length, 'x'), *other = output_of(length, 'y');
        char *paths[] = {journal_path(one), journal_path(other), dead_letters_path(one),
                         dead_letters_path(other)};
        cr_assert_str_neq(paths[0], paths[1]);
        cr_assert_str_neq(paths[2], paths[3]);
        for (int i = 0; i < 4; i++)
            free(paths[i]);
        free(one);
        free(other);
    }
}

Test(derived_path, cuts_no_character_in_two)
{
    char output[256] = "";
    for (int i = 0; i < 85; i++)
        strcat(output, "\xe2\x82\xac"); /* three bytes each */
    char *journal = journal_path(output);
    const char *tilde = strchr(journal, '~');
    cr_assert_not_null(tilde);
    cr_assert_eq((tilde - journal) % 3, 0);
    free(journal);
}
