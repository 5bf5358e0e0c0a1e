/* SPDX-License-Identifier: MIT */
#include "common/shell_quote.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void expect(void (*quote)(FILE *, const char *), const char *text,
                   const char *expected)
{
    char *said = NULL;
    size_t size;
    FILE *stream = open_memstream(&said, &size);
    quote(stream, text);
    fclose(stream);
    cr_assert_str_eq(said, expected);
    free(said);
}

Test(shell_quote, ends_its_quotes_for_a_quote)
{
    expect(shell_quote, "it's", "'it'\\''s'");
    expect(shell_quote, "plain", "'plain'");
    expect(shell_quote, "", "''");
}

Test(shell_quote, leaves_a_plain_word_bare)
{
    expect(shell_quote_if_needed, "dir/a-b_c.txt", "dir/a-b_c.txt");
    expect(shell_quote_if_needed, "a b", "'a b'");
    expect(shell_quote_if_needed, "$HOME", "'$HOME'");
    expect(shell_quote_if_needed, "", "''");
}

Test(shell_quote, comes_back_from_a_shell_as_it_was)
{
    static const char text[] = "'\\\"$(false)`*?[]{}~#;&|<>!\t\n'";
    char *command = NULL;
    size_t size;
    FILE *stream = open_memstream(&command, &size);
    fputs("printf %s ", stream);
    shell_quote(stream, text);
    fclose(stream);
    FILE *shell = popen(command, "r");
    char back[sizeof text + 1] = {0};
    cr_assert_eq(fread(back, 1, sizeof back, shell), sizeof text - 1);
    pclose(shell);
    cr_assert_str_eq(back, text);
    free(command);
}
