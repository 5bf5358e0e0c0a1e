/* SPDX-License-Identifier: MIT */
#include "worker/supervisor/placeholders.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void fills(const char *word, const char *wanted)
{
    char *filled = placeholders_fill(word, UINT64_MAX, 65535);
    cr_expect_str_eq(filled, wanted);
    free(filled);
}

Test(placeholders, are_found_anywhere_in_a_word)
{
    cr_assert_eq(placeholders_in(""), 0);
    cr_assert_eq(placeholders_in("{#}"), PLACEHOLDERS_CHUNK);
    cr_assert_eq(placeholders_in("out-{%}.txt"), PLACEHOLDERS_SLOT);
    cr_assert_eq(placeholders_in("{{%}{#}"), PLACEHOLDERS_CHUNK | PLACEHOLDERS_SLOT);
    char first[] = "a{#}", second[] = "b", third[] = "c{%}";
    char *words[] = {first, second, third, NULL};
    cr_assert_eq(placeholders_in_words(words), PLACEHOLDERS_CHUNK | PLACEHOLDERS_SLOT);
    cr_assert_eq(placeholders_in_words(words + 1), PLACEHOLDERS_SLOT);
}

Test(placeholders, are_nothing_but_these_three_characters)
{
    static const char *const others[] = {"{}",   "{ #}", "{#", "#}", "{%",
                                         "{##}", "${x}", "{",  "}",  "{{"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cr_expect_eq(placeholders_in(others[i]), 0, "%s", others[i]);
        fills(others[i], others[i]);
    }
}

Test(placeholders, are_replaced_by_the_numbers_each_time_they_occur)
{
    fills("", "");
    fills("{#}", "18446744073709551615");
    fills("{%}{%}", "6553565535");
    fills("a {#}'s {%}\"\n", "a 18446744073709551615's 65535\"\n");
    fills("{{#}}{{%}", "{18446744073709551615}{65535");
}
