/* SPDX-License-Identifier: MIT */
#include "deploy/lib/failure_text.h"
#include <criterion/criterion.h>
#include <string.h>

static const char letter[] =
    "{\n  \"run\": \"00ff\",\n  \"seq\": 7,\n  \"input\": \"a \\\"how\\\": b\",\n"
    "  \"attempts\": 3,\n  \"how\": \"exit status 3\",\n  \"code\": 3,\n"
    "  \"stderr\": \"one\\ntwo\\t\\u0001\\u00e9\\ufffd \\\\\"\n}\n";

static const char *string_of(const char *json, const char *name)
{
    static char text[64];
    failure_text_string(json, strlen(json), name, text, sizeof text);
    return text;
}

Test(failure_text, finds_a_string_among_the_members)
{
    cr_assert_str_eq(string_of(letter, "how"), "exit status 3");
}

Test(failure_text, finds_a_number_among_the_members)
{
    cr_assert_eq(failure_text_number(letter, strlen(letter), "attempts"), 3);
    cr_assert_eq(failure_text_number(letter, strlen(letter), "seq"), 7);
}

Test(failure_text, decodes_what_the_sink_escapes)
{
    cr_assert_str_eq(string_of(letter, "stderr"),
                     "one\ntwo\t\001\xc3\xa9\xef\xbf\xbd \\");
}

Test(failure_text, says_nothing_of_what_is_not_there)
{
    cr_assert_str_eq(string_of(letter, "ho"), "");
    cr_assert_eq(failure_text_number(letter, strlen(letter), "records"), 0);
}

Test(failure_text, cuts_a_string_that_does_not_fit)
{
    char text[5];
    failure_text_string(letter, strlen(letter), "how", text, sizeof text);
    cr_assert_str_eq(text, "exit");
}

Test(failure_text, survives_every_cut_of_a_letter)
{
    char text[64];
    for (size_t size = 0; size < strlen(letter); size++) {
        char *copy = malloc(size + 1); /* a sanitizer sees what reads behind it */
        memcpy(copy, letter, size);
        failure_text_string(copy, size, "stderr", text, sizeof text);
        failure_text_number(copy, size, "code");
        free(copy);
    }
}

Test(failure_text, survives_nonsense)
{
    static const char *const nonsense[] = {"",
                                           "{",
                                           "{}",
                                           "[1]",
                                           "{\"how\"",
                                           "{\"how\":",
                                           "{\"how\": \"",
                                           "{\"a\\",
                                           "{\"how\": 1",
                                           "{\"how\": \"\\u",
                                           "{\"how\": \"\\u12zz\"",
                                           "{{{{"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        (void)string_of(nonsense[i], "how");
}
