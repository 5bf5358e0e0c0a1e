/* SPDX-License-Identifier: MIT */
/* Names of dead letters, and a directory of them as inputs. */
#include "common/files/letters.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    uint64_t number;
} letters[] = {
    {"000001", 1},
    {"000010", 10},
    {"999999", 999999},
    {"a1000000", 1000000},
    {"a9999999", 9999999},
    {"b10000000", 10000000},
    {"n18446744073709551615", UINT64_MAX},
};
enum { COUNT = sizeof letters / sizeof *letters };

Test(letters, have_names_that_sort_as_their_numbers_do)
{
    char name[LETTER_NAME_MAX], last[LETTER_NAME_MAX] = "";
    const char *end;
    for (int i = 0; i < COUNT; i++) {
        letter_name(letters[i].number, ".json", name);
        cr_assert_eq(strncmp(name, letters[i].name, strlen(letters[i].name)), 0);
        cr_assert_gt(strcmp(name, last), 0, "%s", name);
        cr_assert_eq(letter_number(name, &end), letters[i].number);
        cr_assert_str_eq(end, ".json");
        strcpy(last, name);
    }
}

Test(letters, have_no_other_names)
{
    static const char *const names[] = {"",
                                        ".input",
                                        "1.input",
                                        "0000001.input",
                                        "header",
                                        "a000001.input",
                                        "1000000.input",
                                        "a10000000.input",
                                        "b1000000.",
                                        "A1000000.input",
                                        "aa1000000.input",
                                        "n18446744073709551616.input",
                                        "000000.input",
                                        "+00001.input",
                                        " 00001.input"};
    const char *end;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert_eq(letter_number(names[i], &end), 0, "%s", names[i]);
}

Test(letters, of_a_directory_are_all_listed_in_the_order_of_their_numbers)
{
    char directory[] = "/tmp/fanfold-letters-XXXXXX", path[100];
    struct letters found;
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(letters_list(directory, &found), -EISDIR);
    for (int i = COUNT - 1; i >= 0; i--) {
        snprintf(path, sizeof path, "%s/%s.input", directory, letters[i].name);
        fclose(fopen(path, "w"));
    }
    cr_assert_eq(letters_list(directory, &found), 0);
    cr_assert_eq(found.count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(found.numbers[i], letters[i].number);
        char *own = letter_path(directory, found.numbers[i]);
        cr_assert_eq(unlink(own), 0, "%s", own);
        free(own);
    }
    letters_deinit(&found);
    cr_assert_eq(rmdir(directory), 0);
}
